import type { Clock } from "../../kernel/clock.ts";
import { identify } from "../identity.ts";
import { allPids, bootId, environOf } from "../proc.ts";
import { Signals } from "../signal.ts";

/** In the environment of everything that one command starts. */
export const MARK = "ORCO_EXEC";

const PATIENCE_MS = 5000;
const FIRST_LOOK_MS = 1;
const MAX_LOOK_MS = 50;

/** Kills what a command has started, wherever it has gone, until nothing of it is left. */
export async function killMarked(mark: string, clock: Clock): Promise<void> {
  const boot = bootId();
  const signals = new Signals(boot);
  const line = `${MARK}=${mark}`;
  const until = clock.monotonic() + PATIENCE_MS;
  for (let lookMs = FIRST_LOOK_MS; clock.monotonic() < until; lookMs = Math.min(2 * lookMs, MAX_LOOK_MS)) {
    // First the identity, then the environment: a pid that changes hands in between no longer proves the identity.
    const left = allPids().flatMap((pid) => {
      const identity = identify(pid, boot);
      return identity && environOf(pid)?.includes(line) ? [identity] : [];
    });
    if (left.length === 0) return;
    for (const identity of left) signals.send(identity, "SIGKILL");
    await clock.sleep(lookMs);
  }
}
