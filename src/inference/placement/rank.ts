import type { Policy } from "../pools/pool.ts";
import { draw, hashOf, rosterOf } from "./roster.ts";
import type { PlacedTask } from "./snapshot.ts";

/** Pools, or the replicas of one. */
export interface Field<C> {
  readonly all: readonly C[];
  /** May the task go there? */
  feasible(candidate: C): boolean;
  /** The mean load is over these: those that take tasks, with a free slot or without. */
  takesPart(candidate: C): boolean;
  /** Tasks that run and wait there. */
  load(candidate: C): number;
  slots(candidate: C): number;
  /** Only if nobody else is feasible: it was tried already, or its circuits are open. */
  lastResort(candidate: C): boolean;
}

export interface Ranking {
  readonly policy: Policy;
  readonly task: Pick<PlacedTask, "determinism" | "affinity" | "model">;
  readonly turn: number;
  /** Id of the candidate that the affinity went to last. */
  readonly affine?: string | undefined;
}

/** More than any load: as many tasks as may wait at most, for one slot. */
const LAST = 2 ** 21;
/** Consistent hashing with bounded loads (Mirrokni et al., 2018): nobody takes more than this times the mean, weighted by slots. */
const LOAD_CAP = 1.25;

/** Calls `visit` for each feasible candidate, by id, with its score: lower is better, and of equals the first is taken. */
export function rank<C extends { readonly id: string }>(
  field: Field<C>,
  ranking: Ranking,
  visit: (candidate: C, score: number) => void,
): void {
  const { byId, hashes } = rosterOf(field.all);
  const score = scoring(field, ranking);
  for (let at = 0, nth = 0; at < byId.length; at++) {
    const candidate = byId[at];
    if (candidate === undefined || !field.feasible(candidate)) continue;
    const resort = field.lastResort(candidate) ? LAST : 0;
    visit(candidate, resort + score(candidate, hashes[at] ?? 0, nth++));
  }
}

export function best<C extends { readonly id: string }>(field: Field<C>, ranking: Ranking): C | undefined {
  let found: C | undefined;
  let lowest = Infinity;
  rank(field, ranking, (candidate, score) => {
    if (score < lowest) [found, lowest] = [candidate, score];
  });
  return found;
}

type Score<C> = (candidate: C, hash: number, nth: number) => number;

function scoring<C extends { readonly id: string }>(field: Field<C>, ranking: Ranking): Score<C> {
  const { policy, task, turn, affine } = ranking;
  if (task.determinism === "strict") return drawn(task.model);
  if (policy === "round-robin") {
    const count = feasibleOf(field);
    return (_, __, nth) => (nth - (turn % count) + count) % count;
  }
  if (policy === "least-loaded" || task.affinity === undefined) return (candidate) => relativeLoad(field, candidate);
  const fair = fairShare(field);
  const byDraw = drawn(task.affinity);
  return (candidate, hash, nth) => {
    if (field.load(candidate) + 1 > Math.ceil(fair * Math.max(1, field.slots(candidate)))) return 1 + relativeLoad(field, candidate);
    return candidate.id === affine ? -1 : byDraw(candidate, hash, nth);
  };
}

/** Rendezvous hashing: one that goes takes only its own keys along. */
function drawn(key: string): Score<unknown> {
  const hash = hashOf(key);
  return (_, candidate) => draw(hash, candidate);
}

/** What runs and waits, for each slot. */
function relativeLoad<C>(field: Pick<Field<C>, "load" | "slots">, candidate: C): number {
  return field.load(candidate) / Math.max(1, field.slots(candidate));
}

function feasibleOf<C>(field: Pick<Field<C>, "all" | "feasible">): number {
  let count = 0;
  for (const candidate of field.all) if (field.feasible(candidate)) count++;
  return count;
}

/** The most that one slot may have to do, with the newcomer. */
function fairShare<C>(field: Field<C>): number {
  let [load, slots] = [1, 0];
  for (const candidate of field.all) {
    if (!field.takesPart(candidate)) continue;
    load += field.load(candidate);
    slots += Math.max(1, field.slots(candidate));
  }
  return (LOAD_CAP * load) / Math.max(1, slots);
}
