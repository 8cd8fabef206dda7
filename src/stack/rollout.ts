import type { Slot } from "../supervise/instance.ts";

/** What an update sees of one instance. */
export interface RolloutSlot {
  readonly id: string;
  readonly replica: number;
  readonly version: "old" | "new";
  readonly ready: boolean;
  /** Ready for the whole observation window. */
  readonly observed: boolean;
  readonly stopping: boolean;
  /** Why the instance counts as failed, if it does. */
  readonly failure?: string;
}

export interface RolloutLimits {
  readonly replicas: number;
  readonly maxUnavailable: number;
  readonly maxSurge: number;
  readonly abortAfterFailures: number;
  /** recreate: nothing new starts before the last old one is gone. */
  readonly oldGoFirst?: boolean;
}

export type RolloutStep =
  | { readonly do: "start"; readonly replica: number; readonly why: string }
  | { readonly do: "stop"; readonly id: string; readonly why: string }
  | { readonly do: "wait"; readonly why: string }
  | { readonly do: "abort"; readonly why: string }
  | { readonly do: "done"; readonly why: string };

/**
 * The next step of a rolling update. Bounds (stack.md, rolling): at every moment ready ≥ replicas − maxUnavailable where that was so before,
 * and instances of any state ≤ replicas + maxSurge. A rollback is the same function with the versions exchanged.
 */
export function decideRollout(slots: readonly RolloutSlot[], limits: RolloutLimits): RolloutStep {
  const { replicas, maxUnavailable, maxSurge } = limits;
  const fresh = slots.filter((slot) => slot.version === "new");
  const old = slots.filter((slot) => slot.version === "old");
  const failures = fresh.filter((slot) => slot.failure !== undefined);
  if (failures.length >= limits.abortAfterFailures) return { do: "abort", why: failures.map((slot) => slot.failure).join("; ") };

  const leaving = old.find((slot) => !slot.stopping && mayStop(slot, slots, replicas - maxUnavailable));
  const missing = missingReplica(fresh, replicas);
  const full = slots.length >= replicas + maxSurge || (limits.oldGoFirst === true && old.length > 0);
  if (leaving && (missing === undefined || full))
    return { do: "stop", id: leaving.id, why: leaving.ready ? "enough others are ready" : "not ready" };
  if (missing !== undefined && !full) return { do: "start", replica: missing, why: "below the target" };
  if (old.length === 0 && missing === undefined && fresh.every((slot) => slot.observed)) return { do: "done", why: "all replaced" };
  return { do: "wait", why: fresh.some((slot) => !slot.ready) ? "for readiness" : "for the observation window or a stop" };
}

function mayStop(slot: RolloutSlot, slots: readonly RolloutSlot[], needed: number): boolean {
  // A new one counts only after its observation window; one that is leaving does not count any more.
  const available = slots.filter((other) => !other.stopping && (other.version === "old" ? other.ready : other.observed));
  return !slot.ready || available.length - 1 >= needed;
}

function missingReplica(fresh: readonly RolloutSlot[], replicas: number): number | undefined {
  const have = new Set(fresh.map((slot) => slot.replica));
  for (let replica = 0; replica < replicas; replica++) if (!have.has(replica)) return replica;
  return undefined;
}

/** A new instance has failed its start when it had to be started again, or cannot be. */
export function failureOf(slot: Slot): string | undefined {
  if (slot.state !== "Failed" && slot.retries === 0 && slot.restarts === 0) return undefined;
  return `${slot.service}/${slot.replica} ${slot.reason}: ${slot.message ?? "no detail"}`;
}
