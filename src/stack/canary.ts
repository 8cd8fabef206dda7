import { decideRollout, failureAmong, missingReplica, nextToLeave, versionsOf } from "./rollout.ts";
import type { RolloutLimits, RolloutSlot, RolloutStep, UpdatePhase } from "./rollout.ts";

export interface CanaryProgress {
  readonly phase: UpdatePhase;
  readonly phaseForMs: number;
  readonly promoted: boolean;
  readonly promoteAfterMs?: number | undefined;
}

/**
 * The next step of a canary update: one new instance beside the old ones (in the place of one where maxSurge is 0), which gets its share as
 * soon as it is ready; once promoted, the rest rolls within the bounds of a rolling update.
 */
export function decideCanary(slots: readonly RolloutSlot[], limits: RolloutLimits, progress: CanaryProgress): RolloutStep {
  const { phase, phaseForMs, promoteAfterMs } = progress;
  const { fresh } = versionsOf(slots);
  const failure = failureAmong(fresh, limits);
  if (failure) return failure;
  if (phase === "promoting" || limits.replicas === 0) return decideRollout(slots, limits);
  if (progress.promoted) return { do: "phase", phase: "promoting", why: "promoted" };
  if (fresh.length === 0) return begin(slots, limits);
  if (phase !== "canary")
    return fresh.every(({ observed }) => observed)
      ? { do: "phase", phase: "canary", why: "the canary is ready" }
      : { do: "wait", why: "for the canary" };
  if (promoteAfterMs === undefined) return { do: "wait", why: "for orco promote or orco abort" };
  if (phaseForMs >= promoteAfterMs) return { do: "phase", phase: "promoting", why: "promoteAfter has passed" };
  return { do: "wait", why: "for orco promote, orco abort or promoteAfter", forMs: promoteAfterMs - phaseForMs };
}

function begin(slots: readonly RolloutSlot[], limits: RolloutLimits): RolloutStep {
  const replica = missingReplica(slots, limits.replicas) ?? 0;
  if (slots.length < limits.replicas + limits.maxSurge) return { do: "start", replica, why: "the canary" };
  const leaving = nextToLeave(slots, limits.replicas - limits.maxUnavailable);
  return leaving ? { do: "stop", id: leaving.id, why: "its place is the canary's" } : { do: "wait", why: "for room for the canary" };
}
