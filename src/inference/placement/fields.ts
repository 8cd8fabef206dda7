import type { Field } from "./rank.ts";
import type { PlacedTask, PoolSnapshot, ReplicaSnapshot } from "./snapshot.ts";
import { isUp, poolVerdict, replicaVerdict } from "./verdict.ts";

/** At admission. */
export function poolField(all: readonly PoolSnapshot[], task: PlacedTask): Field<PoolSnapshot> {
  const feasible = (pool: PoolSnapshot): boolean => poolVerdict(pool, task) === undefined;
  return {
    all,
    feasible,
    takesPart: feasible,
    load: poolLoad,
    slots: poolSlots,
    // A pool whose tasks all fail is the least loaded of all.
    lastResort: ({ replicas }) => !replicas.some((replica) => isUp(replica) && !replica.broken),
  };
}

/** At dispatch. `tried`: others go first. */
export function replicaField(all: readonly ReplicaSnapshot[], task: PlacedTask, tried?: ReadonlySet<string>): Field<ReplicaSnapshot> {
  return {
    all,
    feasible: (replica) => replicaVerdict(replica, task) === undefined,
    takesPart: (replica) => isUp(replica) && !replica.broken,
    load: ({ slotsTotal, slotsFree }) => slotsTotal - slotsFree,
    slots: ({ slotsTotal }) => slotsTotal,
    lastResort: ({ id }) => tried !== undefined && tried.has(id),
  };
}

function poolLoad({ queueDepth, replicas }: PoolSnapshot): number {
  let load = queueDepth;
  for (const replica of replicas) if (isUp(replica)) load += replica.slotsTotal - replica.slotsFree;
  return load;
}

function poolSlots({ replicas }: PoolSnapshot): number {
  let slots = 0;
  for (const replica of replicas) if (isUp(replica)) slots += replica.slotsTotal;
  return slots;
}
