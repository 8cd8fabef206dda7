import type { Json, JsonObject } from "../kernel/event.ts";
import { plainLine } from "../kernel/plain-text.ts";
import { parseStrictJson } from "../kernel/strict-json.ts";

/** One line of a step's stdout. What is no message of the protocol is a line of its log, as it stands. */
export type StepMessage =
  | { readonly kind: "checkpoint"; readonly data?: Json; readonly name?: string }
  | { readonly kind: "output"; readonly data: JsonObject }
  | { readonly kind: "progress"; readonly percent?: number; readonly message?: string }
  | { readonly kind: "log"; readonly level?: string; readonly message: string }
  | { readonly kind: "heartbeat" };

/** Longest line that is looked at as a message, bytes. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_PROGRESS_CHARS = 1000;
const MAX_NAME_CHARS = 200;
/** A cheap look that spares the lines of most logs the parser. */
const TYPED = /"type"\s*:\s*"(?:checkpoint|output|progress|log|heartbeat)"/;
const BRACE = 123;

type Fields = Readonly<Record<string, unknown>>;

/**
 * `{"type":"checkpoint","data":any,"name"?}` · `{"type":"output","data":{…}}` · `{"type":"progress","percent"?,"message"?}` ·
 * `{"type":"log","level","message"}` · `{"type":"heartbeat"}`. Everything else is a line of the log: text, other JSON, fields of the wrong type,
 * two equal keys, `__proto__`, more than 64 levels. Never throws. Source: runs.md, Wire details.
 */
export function parseStepLine(line: string): StepMessage {
  return (line.charCodeAt(0) === BRACE && TYPED.test(line) && messageIn(line)) || { kind: "log", message: line };
}

function messageIn(line: string): StepMessage | undefined {
  const fields = objectIn(line);
  switch (fields?.["type"]) {
    case "checkpoint":
      return checkpointOf(fields);
    case "output":
      return isObject(fields["data"]) ? { kind: "output", data: fields["data"] as JsonObject } : undefined;
    case "progress":
      return progressOf(fields);
    case "log":
      return logOf(fields);
    case "heartbeat":
      return { kind: "heartbeat" };
    default:
      return undefined;
  }
}

function objectIn(line: string): Fields | undefined {
  try {
    const value = parseStrictJson(line, { where: "a line of stdout", maxBytes: MAX_MESSAGE_BYTES });
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // then it is a line of the log
  }
}

function checkpointOf({ data, name }: Fields): StepMessage | undefined {
  if (name !== undefined && (typeof name !== "string" || name.length > MAX_NAME_CHARS)) return undefined;
  return { kind: "checkpoint", ...(data !== undefined && { data: data as Json }), ...(name !== undefined && { name }) };
}

function progressOf({ percent, message }: Fields): StepMessage | undefined {
  if (percent !== undefined && (typeof percent !== "number" || !Number.isFinite(percent))) return undefined;
  if (message !== undefined && typeof message !== "string") return undefined;
  return {
    kind: "progress",
    ...(percent !== undefined && { percent: Math.min(100, Math.max(0, percent)) }),
    ...(message !== undefined && { message: plainLine(message, MAX_PROGRESS_CHARS) }),
  };
}

function logOf({ level, message }: Fields): StepMessage | undefined {
  if (typeof message !== "string" || (level !== undefined && typeof level !== "string")) return undefined;
  return { kind: "log", ...(level !== undefined && { level }), message };
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
