import type { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { formatSpan } from "../../kernel/duration.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import type { Exit } from "../../supervise/runtime.ts";
import type { StepEnd } from "../ports.ts";

const MAX_LINE_CHARS = 300;
/** The run is somebody else's by now, or has ended: no word of this execution counts any more. */
const FENCED: ReadonlySet<string> = new Set(["conflict", "stale_attempt"]);

/** All that decides how an execution ended. */
export interface Ending {
  /** Absent: the machine was restarted, or it never ran. */
  readonly exit?: Exit;
  /** It was asked to end, and had not before. */
  readonly stopped?: "cancel" | "timeout";
  /** What it was granted then. */
  readonly graceMs?: number;
  /** A checkpoint or an output was refused for good. */
  readonly refused?: OrcoError;
  /** The last line of stderr that says something. */
  readonly lastLine?: string;
  readonly timeoutMs?: number;
  readonly memoryBytes?: number;
}

/** The first cause wins: what was refused ended it, then who stopped it, then its own exit. */
export function endOf(ending: Ending): StepEnd {
  const { exit, stopped, refused, lastLine, timeoutMs, memoryBytes } = ending;
  if (refused) return refusedEnd(refused);
  if (stopped === "cancel") return canceled(ending);
  if (stopped === "timeout") return failed("timeout", timeoutText(timeoutMs), exitFacts(exit));
  if (!exit) return { kind: "lost", message: "the machine was restarted while it ran" };
  if (exit.reason === "lost") return { kind: "lost", message: "its process is gone, and its exit code with it" };
  const said = lastLine === undefined ? "" : plainLine(lastLine, MAX_LINE_CHARS);
  const how = howItEnded(exit, memoryBytes);
  if (how === undefined) return { kind: "completed" };
  return failed("step_failed", said === "" ? how : `${how}: ${said}`, exitFacts(exit));
}

/** One that had to be killed may have left things undone. */
function canceled({ exit, graceMs = 0 }: Ending): StepEnd {
  if (exit?.signal !== "SIGKILL" || exit.reason === "oom_killed") return { kind: "canceled" };
  const how = graceMs > 0 ? `did not end within ${formatSpan(graceMs)} of SIGTERM and was killed` : "was killed at once";
  return { kind: "canceled", message: `canceled: ${how}` };
}

/** Undefined: with success. */
function howItEnded({ reason, code, signal }: Exit, memoryBytes: number | undefined): string | undefined {
  if (reason === "oom_killed")
    return `killed because it used too much memory${memoryBytes === undefined ? "" : ` (limit: ${memoryBytes} bytes)`}`;
  if (signal !== undefined) return `killed by ${signal}`;
  return code === 0 ? undefined : `exit ${code}`;
}

function refusedEnd({ code, message, facts }: OrcoError): StepEnd {
  if (FENCED.has(code)) return { kind: "lost", message };
  return {
    kind: "failed",
    error: { code, message: `what it said was refused, and it was stopped: ${message}`, facts: facts as JsonObject },
  };
}

function timeoutText(timeoutMs: number | undefined): string {
  return timeoutMs === undefined
    ? "its time was up, and it was stopped"
    : `it had not ended after ${formatSpan(timeoutMs)}, and was stopped`;
}

function exitFacts(exit: Exit | undefined): JsonObject {
  return {
    ...(exit?.code !== undefined && { exit: exit.code }),
    ...(exit?.signal !== undefined && { signal: exit.signal }),
    ...(exit?.reason === "oom_killed" && { oom: true }),
  };
}

function failed(code: string, message: string, facts: JsonObject): StepEnd {
  return { kind: "failed", error: { code, message, facts } };
}
