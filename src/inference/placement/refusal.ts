import type { FailureCode } from "../failure.ts";
import type { PlacedTask, PoolSnapshot } from "./snapshot.ts";
import { poolVerdict, type Why } from "./verdict.ts";

export interface Refusal {
  readonly kind: "refused";
  readonly code: FailureCode;
  /** For people: what happened and what to do. */
  readonly reason: string;
}

/** How far a pool came; the one that came furthest says why the task is refused. */
const FAR: Readonly<Record<Why, number>> = {
  model: 0,
  not_pinned: 1,
  avoided: 2,
  not_preferred: 2,
  engine: 3,
  ctx: 4,
  vram: 5,
  not_ready: 6,
  draining: 6,
  broken: 6,
  no_slot: 6,
};

/** Of a task that no pool can take. `known`: the catalog has the model, though no pool may serve it. */
export function poolRefusal(pools: readonly PoolSnapshot[], task: PlacedTask, known: boolean): Refusal {
  let furthest: { pool: PoolSnapshot; why: Why } | undefined;
  for (const pool of pools) {
    const why = poolVerdict(pool, task);
    if (why === undefined) continue;
    const ahead = furthest ? FAR[why] - FAR[furthest.why] : 1;
    if (ahead > 0 || (ahead === 0 && furthest && pool.id < furthest.pool.id)) furthest = { pool, why };
  }
  const { mode, pinPoolId: pin } = task.placement;
  if (mode === "pin" && furthest?.why === "not_pinned" && !pools.some(({ id }) => id === pin))
    return unavailable(`there is no pool ${pin}, and the task is pinned to it; ${furthest.pool.id} serves ${task.model}`);
  return furthest && furthest.why !== "model" ? refusalOf(task, furthest.why, furthest.pool) : unserved(pools, task, known);
}

/** Why the pool, or all of its replicas, cannot take the task. */
export function refusalOf(task: PlacedTask, why: Why, pool: PoolSnapshot): Refusal {
  switch (why) {
    case "not_pinned":
      return unavailable(`the task is pinned to the pool ${task.placement.pinPoolId}, which does not serve ${task.model}; ${pool.id} does`);
    case "avoided":
      return unavailable(`every pool that serves ${task.model} is in avoid_pools; leave one out of it`);
    case "not_preferred":
      return unavailable(`no pool of prefer_pools serves ${task.model}; allow_fallback: true lets the task go to others`);
    case "engine":
      return unavailable(`no pool serves ${task.model} with the engine ${task.engine}; leave engine out, or add such a pool`);
    case "vram":
      return unavailable(
        `${task.model} takes at least ${task.vramBytes} bytes of VRAM, more than any replica of ${pool.id} has; nothing is spilled to host memory`,
      );
    case "ctx":
      return {
        kind: "refused",
        code: "INVALID_PARAMS",
        reason: `ctx ${task.ctx} is above what ${pool.id} can hold (${widest(pool)}); ask for less`,
      };
    case "draining":
      return unready(`the pool ${pool.id} is draining and takes no new tasks; try again later, or another pool`);
    case "model":
      return unavailable(`the pool ${pool.id} does not serve ${task.model}`);
    case "not_ready":
    case "broken":
    case "no_slot":
      return unready(`no replica of the pool ${pool.id} is ready; try again in a few seconds (orco pools shows why)`);
  }
}

/** No pool says that it serves the model. One that has not told yet what it serves may. */
function unserved(pools: readonly PoolSnapshot[], task: PlacedTask, known: boolean): Refusal {
  const { model, placement } = task;
  const pinned = placement.mode === "pin" ? pools.find(({ id }) => id === placement.pinPoolId) : undefined;
  if (pinned && pinned.models.length === 0) return refusalOf(task, "not_ready", pinned);
  if (known)
    return unavailable(`no pool serves ${model}, though the catalog has it; start an engine with it, or add its pool: orco pools add`);
  return {
    kind: "refused",
    code: "MODEL_UNKNOWN",
    reason: `no pool serves a model called ${model}, and the catalog has none; GET /v1/models lists them`,
  };
}

function widest({ replicas }: PoolSnapshot): number {
  return replicas.reduce((most, { ctxMax }) => Math.max(most, ctxMax ?? 0), 0);
}

function unavailable(reason: string): Refusal {
  return { kind: "refused", code: "POOL_UNAVAILABLE", reason };
}

function unready(reason: string): Refusal {
  return { kind: "refused", code: "POOL_UNREADY", reason };
}
