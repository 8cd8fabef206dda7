import { failureAmong, missingReplica, versionsOf } from "./rollout.ts";
import type { RolloutLimits, RolloutSlot, RolloutStep, UpdatePhase } from "./rollout.ts";

export interface BlueGreenProgress {
  readonly phase: UpdatePhase;
  readonly phaseForMs: number;
  /** How long the old set is kept after the switch. */
  readonly keepMs: number;
}

/**
 * The next step of a blue/green update: a whole second set without traffic, one switch when all of it is observed, the old set kept for
 * `keepMs`, then stopped. Until it is being stopped the way back is the same switch.
 */
export function decideBlueGreen(slots: readonly RolloutSlot[], limits: RolloutLimits, progress: BlueGreenProgress): RolloutStep {
  const { phase, phaseForMs, keepMs } = progress;
  const { fresh, old } = versionsOf(slots);
  if (phase === "finishing") return finish(old);
  const failure = failureAmong(fresh, limits);
  if (failure) return failure;
  if (phase === "switched") {
    if (phaseForMs >= keepMs || old.length === 0) return { do: "phase", phase: "finishing", why: "the old set has been kept long enough" };
    return { do: "wait", why: "while the old set is kept", forMs: keepMs - phaseForMs };
  }
  const replica = missingReplica(slots.map(unplaced), limits.replicas);
  if (replica !== undefined) return { do: "start", replica, held: true, why: "the second set" };
  if (fresh.some(({ observed }) => !observed)) return { do: "wait", why: "for the second set" };
  const switched = fresh.every(({ admitted }) => admitted) && !old.some(({ admitted, stopping }) => admitted && !stopping);
  return switched ? { do: "phase", phase: "switched", why: "the second set serves" } : { do: "switch", why: "the second set is ready" };
}

/** Both sets have every replica: no place is anybody's. */
function unplaced(slot: RolloutSlot): RolloutSlot {
  return slot.version === "old" ? { ...slot, replica: -1 } : slot;
}

function finish(old: readonly RolloutSlot[]): RolloutStep {
  const leaving = old.find(({ stopping }) => !stopping);
  if (leaving) return { do: "stop", id: leaving.id, why: "replaced" };
  return old.length === 0 ? { do: "done", why: "all replaced" } : { do: "wait", why: "for the old set to stop" };
}
