import type { Front } from "../route.ts";

/** What a pick needs to know of a target. `owed` is changed by it. */
export interface Candidate {
  readonly spec: { readonly id: string; readonly weight: number };
  readonly leases: { readonly size: number };
  owed: number;
}

/** One of `candidates`; undefined when there are none. A weight of 0 counts only while nobody has more; then all are equal. */
export function pick<C extends Candidate>(balance: Front["balance"], candidates: readonly C[]): C | undefined {
  if (candidates.length < 2) return candidates[0];
  const weighted = candidates.filter(({ spec }) => spec.weight > 0);
  const eligible = weighted.length > 0 ? weighted : candidates;
  return nextInTurn(balance === "least-connections" ? leastLoaded(eligible) : eligible);
}

/**
 * Smooth weighted round-robin: everyone is owed its weight more, the one owed most is picked and pays the total.
 * Over `total` picks each gets exactly its weight, spread out instead of in bursts.
 */
function nextInTurn<C extends Candidate>(candidates: readonly C[]): C | undefined {
  let best: C | undefined;
  let total = 0;
  for (const candidate of candidates) {
    const weight = weightOf(candidate);
    candidate.owed += weight;
    total += weight;
    if (!best || candidate.owed > best.owed) best = candidate;
  }
  if (best) best.owed -= total;
  return best;
}

/** Those with the fewest in flight for their weight. */
function leastLoaded<C extends Candidate>(candidates: readonly C[]): readonly C[] {
  const load = (candidate: C): number => candidate.leases.size / weightOf(candidate);
  const least = candidates.reduce((lowest, candidate) => Math.min(lowest, load(candidate)), Infinity);
  return candidates.filter((candidate) => load(candidate) === least);
}

function weightOf({ spec }: Candidate): number {
  return spec.weight > 0 ? spec.weight : 1;
}

/**
 * Weighted rendezvous hashing: the same key meets the same candidate, and a candidate that goes takes only its own keys along.
 * Each draws a number in (0, 1) from the key; the longest waiting time of an exponential with its weight as mean wins.
 */
export function pickByKey<C extends Candidate>(key: string, candidates: readonly C[]): C | undefined {
  const weighted = candidates.filter(({ spec }) => spec.weight > 0);
  let best: C | undefined;
  let bestScore = -Infinity;
  for (const candidate of weighted.length > 0 ? weighted : candidates) {
    const draw = (Bun.hash.xxHash32(`${candidate.spec.id}\0${key}`) + 0.5) / 2 ** 32;
    const score = -weightOf(candidate) / Math.log(draw);
    if (score > bestScore) [best, bestScore] = [candidate, score];
  }
  return best;
}
