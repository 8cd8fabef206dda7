import type { PlacedTask, PoolSnapshot, ReplicaSnapshot } from "./snapshot.ts";

/** Why a pool or a replica is none for a task. */
export type Why =
  | "model"
  | "not_pinned"
  | "not_preferred"
  | "avoided"
  | "engine"
  | "ctx"
  | "vram"
  | "draining"
  | "not_ready"
  | "broken"
  | "no_slot";

/** At admission: slots are not asked, nor circuits. Undefined: the pool can take it. What lasts is found before what passes. */
export function poolVerdict(pool: PoolSnapshot, task: PlacedTask): Why | undefined {
  const { placement, engine, model } = task;
  if (!pool.models.includes(model)) return "model";
  if (placement.mode === "pin" && placement.pinPoolId !== pool.id) return "not_pinned";
  if (placement.avoidPools.includes(pool.id)) return "avoided";
  if (placement.mode === "prefer" && !placement.allowFallback && !placement.preferPools.includes(pool.id)) return "not_preferred";
  if (engine !== undefined && pool.engine !== engine) return "engine";
  const unfit = unfitness(pool.replicas, task);
  if (unfit) return unfit;
  if (pool.draining) return "draining";
  return isServed(pool.replicas, task) ? undefined : "not_ready";
}

/** Whether one of them takes such tasks, with a free slot or without. */
export function isServed(replicas: readonly ReplicaSnapshot[], task: PlacedTask): boolean {
  return replicas.some((replica) => isUp(replica) && serves(replica, task) && misfit(replica, task) === undefined);
}

/** At dispatch, in a pool that was chosen. */
export function replicaVerdict(replica: ReplicaSnapshot, task: PlacedTask): Why | undefined {
  if (!serves(replica, task)) return "model";
  const why = misfit(replica, task);
  if (why) return why;
  if (!replica.ready) return "not_ready";
  if (replica.draining) return "draining";
  if (replica.broken) return "broken";
  return replica.slotsFree > 0 ? undefined : "no_slot";
}

/** Now, or once it has a free slot. */
export function mayTake(replica: ReplicaSnapshot, task: PlacedTask): boolean {
  const why = replicaVerdict(replica, task);
  return why === undefined || why === "no_slot";
}

/** Why none of them will ever do, ready or not. Those that serve another model do not count: they may serve this one soon. */
export function unfitness(replicas: readonly ReplicaSnapshot[], task: PlacedTask): "ctx" | "vram" | undefined {
  let why: "ctx" | "vram" | undefined;
  for (const replica of replicas) {
    if (!serves(replica, task)) continue;
    const misfits = misfit(replica, task);
    if (misfits === undefined) return undefined;
    if (why !== "vram") why = misfits;
  }
  return why;
}

export function isUp({ ready, draining }: ReplicaSnapshot): boolean {
  return ready && !draining;
}

function serves({ models }: ReplicaSnapshot, { model }: PlacedTask): boolean {
  return models === undefined || models.includes(model);
}

/** What an engine does not tell is no obstacle. */
function misfit({ ctxMax, vramTotalBytes }: ReplicaSnapshot, { ctx, vramBytes }: PlacedTask): "ctx" | "vram" | undefined {
  if (ctx !== undefined && ctxMax !== undefined && ctx > ctxMax) return "ctx";
  return vramTotalBytes !== undefined && vramBytes > vramTotalBytes ? "vram" : undefined;
}
