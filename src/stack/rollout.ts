import type { Slot } from "../supervise/instance.ts";

/** What an update sees of one instance. */
export interface RolloutSlot {
  readonly id: string;
  readonly replica: number;
  readonly version: "old" | "new";
  readonly ready: boolean;
  /** Ready for the whole observation window. */
  readonly observed: boolean;
  /** Gets requests while it is ready. */
  readonly admitted: boolean;
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

/** Where an update is. Only `canary` and `switched` last: the one waits for a decision, the other keeps the old set. */
export type UpdatePhase = "updating" | "starting" | "canary" | "promoting" | "switched" | "finishing" | "rolling back";

export type RolloutStep =
  /** `held`: it gets no requests until it is admitted. */
  | { readonly do: "start"; readonly replica: number; readonly why: string; readonly held?: boolean }
  | { readonly do: "stop"; readonly id: string; readonly why: string }
  | { readonly do: "admit"; readonly ids: readonly string[]; readonly why: string }
  /** All new ones in and all old ones out, at one moment. */
  | { readonly do: "switch"; readonly why: string }
  | { readonly do: "phase"; readonly phase: UpdatePhase; readonly why: string }
  /** `forMs`: look again then, if nothing happens before. */
  | { readonly do: "wait"; readonly why: string; readonly forMs?: number }
  | { readonly do: "abort"; readonly why: string }
  | { readonly do: "done"; readonly why: string };

/**
 * The next step of a rolling update. Bounds (stack.md, rolling): at every moment ready ≥ replicas − maxUnavailable where that was so before,
 * and instances of any state ≤ replicas + maxSurge. A rollback is the same function with the versions exchanged.
 */
export function decideRollout(slots: readonly RolloutSlot[], limits: RolloutLimits): RolloutStep {
  const { replicas, maxUnavailable, maxSurge } = limits;
  const { fresh, old } = versionsOf(slots);
  const failure = failureAmong(fresh, limits);
  if (failure) return failure;

  const waiting = fresh.filter((slot) => slot.observed && !slot.admitted);
  if (waiting.length > 0) return { do: "admit", ids: waiting.map(({ id }) => id), why: "ready for its observation window" };
  const leaving = nextToLeave(slots, replicas - maxUnavailable);
  const missing = missingReplica(slots, replicas);
  const full = slots.length >= replicas + maxSurge || (limits.oldGoFirst === true && old.length > 0);
  if (leaving && (missing === undefined || full))
    return { do: "stop", id: leaving.id, why: leaving.ready ? "enough others are ready" : "not ready" };
  if (missing !== undefined && !full) return { do: "start", replica: missing, why: "below the target" };
  if (old.length === 0 && missing === undefined && fresh.every((slot) => slot.observed)) return { do: "done", why: "all replaced" };
  return { do: "wait", why: fresh.some((slot) => !slot.ready) ? "for readiness" : "for the observation window or a stop" };
}

export function versionsOf(slots: readonly RolloutSlot[]): { fresh: readonly RolloutSlot[]; old: readonly RolloutSlot[] } {
  return { fresh: slots.filter(({ version }) => version === "new"), old: slots.filter(({ version }) => version === "old") };
}

export function failureAmong(fresh: readonly RolloutSlot[], limits: RolloutLimits): RolloutStep | undefined {
  const failures = fresh.filter((slot) => slot.failure !== undefined);
  return failures.length >= limits.abortAfterFailures ? { do: "abort", why: failures.map((slot) => slot.failure).join("; ") } : undefined;
}

/** An old one that may be stopped now with `needed` others left: first one that is of no use, then one that has its successor. */
export function nextToLeave(slots: readonly RolloutSlot[], needed: number): RolloutSlot | undefined {
  const { fresh, old } = versionsOf(slots);
  const succeeded = new Set(fresh.filter(({ observed }) => observed).map(({ replica }) => replica));
  const able = old.filter((slot) => !slot.stopping && mayStop(slot, slots, needed));
  return able.find(({ ready }) => !ready) ?? able.find(({ replica }) => succeeded.has(replica)) ?? able[0];
}

function mayStop(slot: RolloutSlot, slots: readonly RolloutSlot[], needed: number): boolean {
  // A new one counts only after its observation window; one that is leaving does not count any more.
  const available = slots.filter((other) => !other.stopping && (other.version === "old" ? other.ready : other.observed));
  return !slot.ready || available.length - 1 >= needed;
}

/** The replica to start next: one that nobody has, else the lowest that only an old instance has. */
export function missingReplica(slots: readonly RolloutSlot[], replicas: number): number | undefined {
  const { fresh } = versionsOf(slots);
  const have = new Set(fresh.map(({ replica }) => replica));
  const taken = new Set(slots.map(({ replica }) => replica));
  const missing = Array.from({ length: replicas }, (_, replica) => replica).filter((replica) => !have.has(replica));
  return missing.find((replica) => !taken.has(replica)) ?? missing[0];
}

/** A new instance has failed its start when it had to be started again, or cannot be. */
export function failureOf(slot: Slot): string | undefined {
  if (slot.state !== "Failed" && slot.retries === 0 && slot.restarts === 0) return undefined;
  // The next try is not to be: the update ends here.
  const why = slot.message?.replace(/; restarting in \S+$/, "") ?? "no detail";
  return `${slot.service}/${slot.replica} ${slot.reason}: ${why}`;
}
