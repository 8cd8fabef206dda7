import type { Policy } from "../pools/pool.ts";
import { poolField, replicaField } from "./fields.ts";
import { best, type Ranking } from "./rank.ts";
import { poolRefusal, type Refusal, refusalOf } from "./refusal.ts";
import type { PlacedTask, PoolSnapshot } from "./snapshot.ts";
import { poolVerdict, unfitness } from "./verdict.ts";
import { weighPools, weighReplicas } from "./weigh.ts";

/** Of one pool or replica that was looked at. */
export interface Candidate {
  readonly pool: string;
  readonly replica?: string;
  /** Lower is better. */
  readonly score: number;
}

export interface Filtered {
  readonly pool: string;
  readonly replica?: string;
  /** `not_ready`, `draining`, `broken`, `no_slot`, `model`, `engine`, `ctx`, `vram`, `avoided`, `not_pinned`, … */
  readonly why: string;
}

/** Why a task goes where it goes. */
export interface Explanation {
  readonly pool: string | null;
  readonly replica: string | null;
  readonly reason: string;
  readonly candidates: readonly Candidate[];
  readonly filtered: readonly Filtered[];
}

export interface Hints {
  /** Counted up for each pool, for round-robin; at admission for all of them together. */
  readonly turn: number;
  /** Where the task's affinity last went. */
  readonly affine?: { readonly pool: string; readonly replica: string } | undefined;
}

export interface AdmissionHints extends Hints {
  /** The catalog has the model. */
  readonly known?: boolean;
}

export interface DispatchHints extends Hints {
  /** Replicas that the task has been tried on: they are taken only when no other is feasible. */
  readonly avoid?: ReadonlySet<string>;
}

/** `wait`: it is feasible, but not just now. */
export type Decision =
  | { readonly kind: "placed"; readonly pool: string; readonly replica?: string; readonly reason: string }
  | Refusal
  | { readonly kind: "wait"; readonly reason: string };

/** At admission: the pool whose queue the task joins. Neither slots nor circuits rule one out. Never `wait`. */
export function choosePool(pools: readonly PoolSnapshot[], task: PlacedTask, hints: AdmissionHints): Decision {
  const { mode, preferPools } = task.placement;
  if (mode === "prefer")
    for (const id of preferPools) {
      const preferred = pools.find((pool) => pool.id === id);
      if (preferred && poolVerdict(preferred, task) === undefined) return { kind: "placed", pool: id, reason: "preferred" };
    }
  const ranking = poolRanking(pools, task, hints);
  const chosen = best(poolField(pools, task), ranking);
  if (!chosen) return poolRefusal(pools, task, hints.known ?? false);
  return { kind: "placed", pool: chosen.id, reason: mode === "pin" ? "pinned" : reasonOf(ranking, chosen.id) };
}

/** At dispatch: a replica of the pool that has a slot now. */
export function chooseReplica(pool: PoolSnapshot, task: PlacedTask, hints: DispatchHints): Decision {
  if (!pool.models.includes(task.model)) return refusalOf(task, "model", pool);
  const ranking = replicaRanking(pool, task, hints);
  const chosen = best(replicaField(pool.replicas, task, hints.avoid), ranking);
  if (chosen) return { kind: "placed", pool: pool.id, replica: chosen.id, reason: reasonOf(ranking, chosen.id) };
  const unfit = unfitness(pool.replicas, task);
  return unfit ? refusalOf(task, unfit, pool) : { kind: "wait", reason: `no replica of ${pool.id} has a free slot` };
}

/** Both decisions for a task that comes now, with all that was weighed. */
export function explain(pools: readonly PoolSnapshot[], task: PlacedTask, hints: AdmissionHints): Explanation {
  const decision = choosePool(pools, task, hints);
  const weighed = weighPools(pools, task, poolRanking(pools, task, hints));
  const pool = decision.kind === "placed" ? pools.find(({ id }) => id === decision.pool) : undefined;
  if (!pool) return { pool: null, replica: null, reason: decision.reason, ...weighed };
  const next = chooseReplica(pool, task, hints);
  const replicas = weighReplicas(pool, task, replicaRanking(pool, task, hints));
  return {
    pool: pool.id,
    replica: next.kind === "placed" ? (next.replica ?? null) : null,
    reason: `pool: ${decision.reason}; replica: ${next.reason}`,
    candidates: [...weighed.candidates, ...replicas.candidates],
    filtered: [...weighed.filtered, ...replicas.filtered],
  };
}

function replicaRanking({ id, policy }: PoolSnapshot, task: PlacedTask, { turn, affine }: Hints): Ranking {
  return { policy, task, turn, affine: affine?.pool === id ? affine.replica : undefined };
}

/** Between pools that the task may go to, their own policy; least-loaded where they differ. */
function poolRanking(pools: readonly PoolSnapshot[], task: PlacedTask, { turn, affine }: Hints): Ranking {
  let policy: Policy | undefined;
  for (const pool of pools) {
    if (policy === pool.policy || poolVerdict(pool, task) !== undefined) continue;
    if (policy !== undefined) return { policy: "least-loaded", task, turn };
    policy = pool.policy;
  }
  return { policy: policy ?? "least-loaded", task, turn, affine: affine?.pool };
}

function reasonOf({ policy, task, affine }: Ranking, chosen: string): string {
  if (task.determinism === "strict") return "strict";
  if (policy !== "prefix") return policy;
  if (task.affinity === undefined) return "least-loaded";
  return chosen === affine ? "prefix: affine" : "prefix: hashed";
}
