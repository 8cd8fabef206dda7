import { OrcoError } from "../../kernel/errors.ts";
import type { RunRecord, StepState } from "../record.ts";
import type { LiveRun } from "./live-run.ts";
import { hasEnded } from "./moves.ts";

/** Resolves with the run when it has ended, with `orWaiting` also when a step waits for an approval; rejects only when `signal` aborts. */
export async function untilSettled(live: LiveRun, signal: AbortSignal | undefined, orWaiting: boolean): Promise<RunRecord> {
  if (hasEnded(live.run) || (orWaiting && isAsking(live.steps()))) return live.run;
  signal?.throwIfAborted();
  const settled = Promise.withResolvers<void>();
  const onAbort = (): void =>
    settled.reject(signal?.reason instanceof Error ? signal.reason : new OrcoError("cancelled", "the wait was cancelled"));
  const stopWatching = live.watch((changed) => {
    if (hasEnded(live.run) || (orWaiting && isAsking(changed))) settled.resolve();
  });
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await settled.promise;
    return live.run;
  } finally {
    stopWatching();
    signal?.removeEventListener("abort", onAbort);
  }
}

function isAsking(steps: Iterable<StepState>): boolean {
  for (const { status, waiting } of steps) if (status === "waiting" && waiting?.kind === "approval") return true;
  return false;
}
