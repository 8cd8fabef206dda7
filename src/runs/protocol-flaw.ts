import { messageOf } from "../kernel/errors.ts";
import { didYouMean } from "../kernel/nearest.ts";
import { parseStrictJson } from "../kernel/strict-json.ts";
import { MAX_MESSAGE_BYTES, parseStepLine } from "./protocol.ts";

const BRACE = 123;
const TYPE = /"type"\s*:\s*"([A-Za-z_-]{1,20})"/;

/** What each kind of message needs. */
const NEEDS: Readonly<Record<string, string>> = {
  checkpoint: "its name must be a text of 200 characters at most",
  output: "its data must be an object",
  progress: "its percent must be a number and its message a text",
  log: "its message must be a text, and so must its level",
  heartbeat: "",
};

/** Why a line that was probably meant as a message of the protocol is none; undefined for all other lines. */
export function flawOf(line: string): string | undefined {
  if (line.charCodeAt(0) !== BRACE) return undefined;
  const type = TYPE.exec(line)?.[1];
  if (type === undefined) return undefined;
  const needs = Object.hasOwn(NEEDS, type) ? NEEDS[type] : undefined;
  const meant = needs === undefined ? didYouMean(type, Object.keys(NEEDS)) : undefined;
  if (needs === undefined && meant === undefined) return undefined;
  let fields: unknown;
  try {
    fields = parseStrictJson(line, { where: `"type":"${type}"`, maxBytes: MAX_MESSAGE_BYTES });
  } catch (error) {
    return messageOf(error);
  }
  if ((fields as { type?: unknown }).type !== type) return undefined;
  if (meant !== undefined) return `"type":"${type}" is not known; ${meant}`;
  const message = parseStepLine(line);
  return message.kind === "log" && message.message === line ? `"type":"${type}": ${needs}` : undefined;
}
