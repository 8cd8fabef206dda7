import type { Clock } from "../kernel/clock.ts";
import { type ErrorCode, OrcoError } from "../kernel/errors.ts";

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2000;
/** A defect of the daemon, or of what it was sent: trying for ever would hide it. */
const MAX_DEFECTS = 8;

/** Of the way to the daemon, or of its moment: the same request may do later. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["unreachable", "unavailable", "disk_full", "rate_limited", "timeout"]);

/** Asks again, with growing pauses, while the daemon cannot be reached or cannot answer now. Rejects with its refusal, or with the signal's reason. */
export async function insist<T>(clock: Clock, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  let defects = 0;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!mayPass(error)) throw error;
      if (isDefect(error) && ++defects >= MAX_DEFECTS) throw error;
    }
    await clock.sleep(pauseMs * (0.5 + clock.random()), signal);
  }
}

/** Whether the same request may do later. */
export function mayPass(error: unknown): boolean {
  return error instanceof OrcoError && (PASSING.has(error.code) || isDefect(error));
}

function isDefect(error: unknown): boolean {
  return error instanceof OrcoError && error.code === "internal";
}
