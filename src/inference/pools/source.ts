import type { PoolFacts, PoolSource, ReplicaFacts } from "./pool.ts";

/**
 * A replica as its source tells of it; what the source does not say the engine is asked. `ready: false`: whatever the engine answers;
 * `slotsTotal`: as configured; `models`: of this replica alone, else those of the pool.
 */
export type SourceReplica = Pick<ReplicaFacts, "id" | "endpoint"> & Partial<Omit<ReplicaFacts, "id" | "endpoint">>;

/** A pool as one source tells of it. `PoolFacts` fit, for sources that know everything. */
export interface SourcePool extends Pick<PoolFacts, "id" | "engine" | "policy"> {
  /** Absent or empty: the engines are asked. */
  readonly models?: readonly string[];
  readonly draining?: boolean;
  readonly replicas: readonly SourceReplica[];
}

/** What one source says of one pool. */
export interface Claim {
  readonly source: PoolSource;
  /** Who of the source: the node, the stack. */
  readonly key: string;
  readonly pool: SourcePool;
}

/** A pool after its sources have been heard; each replica carries its own models. */
export interface Settled extends Pick<SourcePool, "id" | "engine" | "policy" | "replicas"> {
  readonly source: PoolSource;
  /** Whom it was not taken from, and why. */
  readonly note?: string;
}

const RANK: Readonly<Record<PoolSource, number>> = { api: 0, stack: 1, node: 2, manager: 3 };
const NAMED: Readonly<Record<PoolSource, string>> = { api: "the API", stack: "stack", node: "node", manager: "pool manager" };
/** Of those that were not heard, this many are named. */
const MAX_NAMED = 3;

/** The claims to one id, of whom the first source that has it counts; several nodes or stacks of one source are replicas of one pool. */
export function settle(claims: readonly Claim[]): Settled | undefined {
  const ordered = claims.toSorted((a, b) => RANK[a.source] - RANK[b.source] || (a.key < b.key ? -1 : 1));
  const [first] = ordered;
  if (!first) return undefined;
  const { source, pool } = first;
  const same = ordered.filter((claim) => claim.source === source);
  const heard = same.filter((claim) => claim.pool.engine === pool.engine);
  const replicas = uniqueReplicas(heard);
  const notes = [
    ...same.filter((claim) => !heard.includes(claim)).map((claim) => `${nameOf(claim)} says that its engine is ${claim.pool.engine}`),
    ...ordered.filter((claim) => claim.source !== source).map((claim) => `${nameOf(claim)} has a pool of this id too`),
  ];
  const more = notes.length > MAX_NAMED ? ` (and ${notes.length - MAX_NAMED} more)` : "";
  const note = `${notes.slice(0, MAX_NAMED).join("; ")}${more}: that is not used, ${nameOf(first)} counts`;
  return {
    id: pool.id,
    engine: pool.engine,
    source,
    replicas,
    ...(pool.policy !== undefined && { policy: pool.policy }),
    ...(notes.length > 0 && { note }),
  };
}

/** Of two with the same id the first counts. */
function uniqueReplicas(claims: readonly Claim[]): readonly SourceReplica[] {
  const found = new Map<string, SourceReplica>();
  for (const { pool } of claims) for (const replica of pool.replicas) if (!found.has(replica.id)) found.set(replica.id, own(replica, pool));
  return [...found.values()];
}

function own({ models: ofReplica, ...replica }: SourceReplica, pool: SourcePool): SourceReplica {
  const models = ofReplica ?? pool.models ?? [];
  const draining = replica.draining === true || pool.draining === true;
  return { ...replica, draining, ...(models.length > 0 && { models }) };
}

function nameOf({ source, key }: Claim): string {
  return source === "api" ? NAMED.api : `${NAMED[source]} ${key}`;
}
