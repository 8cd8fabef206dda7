import type { Candidate, Filtered } from "./decide.ts";
import { poolField, replicaField } from "./fields.ts";
import { rank, type Ranking } from "./rank.ts";
import type { PlacedTask, PoolSnapshot } from "./snapshot.ts";
import { poolVerdict, replicaVerdict } from "./verdict.ts";

interface Weighed {
  /** Best first. */
  readonly candidates: Candidate[];
  /** By id. */
  readonly filtered: Filtered[];
}

/** Every pool, as `choosePool` sees it. */
export function weighPools(pools: readonly PoolSnapshot[], task: PlacedTask, ranking: Ranking): Weighed {
  const candidates: Candidate[] = [];
  rank(poolField(pools, task), ranking, ({ id }, score) => candidates.push({ pool: id, score: scoreOf(task, id, score) }));
  return {
    candidates: candidates.sort(byScore),
    filtered: filteredOf(
      pools,
      (pool) => poolVerdict(pool, task),
      ({ id }) => ({ pool: id }),
    ),
  };
}

/** Every replica of the pool, as `chooseReplica` sees it. */
export function weighReplicas(pool: PoolSnapshot, task: PlacedTask, ranking: Ranking): Weighed {
  const candidates: Candidate[] = [];
  rank(replicaField(pool.replicas, task), ranking, ({ id }, score) => candidates.push({ pool: pool.id, replica: id, score }));
  const filtered = filteredOf(
    pool.replicas,
    (replica) => replicaVerdict(replica, task),
    ({ id }) => ({ pool: pool.id, replica: id }),
  );
  return { candidates: candidates.sort(byScore), filtered };
}

/** A preferred pool comes before all others, in the order of the wish. */
function scoreOf({ placement }: PlacedTask, id: string, score: number): number {
  const at = placement.mode === "prefer" ? placement.preferPools.indexOf(id) : -1;
  return at === -1 ? score : at - placement.preferPools.length - 1;
}

function byScore(a: Candidate, b: Candidate): number {
  return a.score - b.score;
}

function filteredOf<C extends { readonly id: string }>(
  all: readonly C[],
  verdict: (candidate: C) => string | undefined,
  name: (candidate: C) => Omit<Filtered, "why">,
): Filtered[] {
  return all
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .flatMap((candidate) => {
      const why = verdict(candidate);
      return why === undefined ? [] : [{ ...name(candidate), why }];
    });
}
