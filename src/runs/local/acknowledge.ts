import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError, type ErrorCode } from "../../kernel/errors.ts";

/** These pass: a full disk is cleared, a daemon comes back. Everything else stays refused however often it is said. */
const PASSING: ReadonlySet<ErrorCode> = new Set(["disk_full", "unavailable", "unreachable", "timeout", "rate_limited", "busy"]);
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 5000;

/** Says it again until it is taken. Rejects with what it was refused with for good, as `OrcoError`, or with the signal's reason. */
export async function acknowledged(say: () => Promise<void>, { clock, signal }: { clock: Clock; signal: AbortSignal }): Promise<void> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
    try {
      return await say();
    } catch (error) {
      if (!(error instanceof OrcoError)) throw new OrcoError("internal", messageOf(error), {}, { cause: error });
      if (!PASSING.has(error.code)) throw error;
    }
    await clock.sleep(waitMs, signal);
  }
}
