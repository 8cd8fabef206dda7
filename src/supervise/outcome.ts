import type { Clock } from "../kernel/clock.ts";
import { formatDuration } from "../kernel/duration.ts";
import type { InstanceMove, Slot } from "./instance.ts";
import { decideRestart, type RestartPolicy } from "./restart.ts";
import type { Exit } from "./runtime.ts";

/** How a start ended: an exit, a failure of orco's own making, or both (an unready instance that was stopped). */
export interface Ending {
  readonly exit?: Exit;
  /** Uninterrupted readiness before the end. */
  readonly readyForMs: number;
  readonly failure?: "probe_unready" | "start_failed" | "hook_failed";
  readonly message?: string;
  /** What it needs was away: `db unready`. */
  readonly strain?: string;
}

export interface Outcome {
  readonly move: InstanceMove;
  readonly patch: Partial<Slot>;
  readonly type: string;
  /** Backoff before the next start. */
  readonly afterMs?: number;
}

/** What becomes of a slot whose instance has ended, and why. Pure but for the clock's jitter. */
export function outcomeOf(ending: Ending, { slot, policy, clock }: { slot: Slot; policy: RestartPolicy; clock: Clock }): Outcome {
  const { exit, readyForMs, failure } = ending;
  const known = { ready: false, readyAt: undefined, pid: undefined, ...(exit && { exit }) };
  if (slot.wanted === "stop") return { move: "end", patch: { ...known, reason: "stopped" }, type: "instance.stopped" };
  const why = [ending.message ?? describeExit(exit), ...(ending.strain === undefined ? [] : [`(${ending.strain})`])].join(" ");
  const decision = decideRestart({
    policy,
    retries: slot.retries,
    readyForMs,
    random: () => clock.random(),
    excused: ending.strain !== undefined,
    ...(exit && { exit }),
    ...(failure && { failure }),
  });
  if ("again" in decision) {
    const { afterMs, retries, reason } = decision.again;
    const message = `${why}; restarting in ${formatDuration(afterMs)}`;
    return {
      move: "retry",
      patch: { ...known, retries, reason, message, nextStartAt: clock.now() + afterMs },
      type: "instance.pending",
      afterMs,
    };
  }
  const { state, reason } = decision.giveUp;
  if (state === "Stopped") return { move: "end", patch: { ...known, reason, message: undefined }, type: "instance.stopped" };
  return { move: "giveUp", patch: { ...known, reason, message: why }, type: "instance.failed" };
}

function describeExit(exit: Exit | undefined): string {
  if (!exit) return "ended";
  if (exit.reason === "oom_killed") return "killed: out of memory";
  if (exit.reason === "removed") return "its container was removed by somebody else";
  if (exit.reason === "lost") return "ended unseen (exit code unknown)";
  return exit.signal !== undefined ? `killed by ${exit.signal}` : `exit code ${exit.code ?? "unknown"}`;
}
