import { addStats, frontFamilies, workerFamilies, type Family } from "./metrics.ts";
import { bucketOf, DURATION_BOUNDS_S, type FrontStats, type StatsAnswer } from "./metrics-counters.ts";

/** Of targets that drained in workers which ended since. */
const MAX_CUTS = 1_000;
const MAX_FRONTS = 20_000;

interface Known {
  seq: number;
  answers: number;
  rssBytes: number;
  readonly fronts: Map<string, FrontStats>;
}

/** What the workers have counted: the living ones as they last told it, those that ended in one sum. */
export class StatsBook {
  private readonly living = new Map<number, Known>();
  private readonly ended = new Map<string, FrontStats>();
  private readonly cuts = new Map<string, number>();
  private readonly replacements = new Map<string, number>();
  private readonly swapCounts = DURATION_BOUNDS_S.map(() => 0).concat(0);
  private swapSumS = 0;

  connected(worker: number): void {
    if (!this.living.has(worker)) this.living.set(worker, { seq: 0, answers: 0, rssBytes: 0, fronts: new Map() });
  }

  answered(worker: number, { seq, rssBytes, fronts }: StatsAnswer): void {
    const known = this.living.get(worker);
    if (!known) return;
    known.seq = seq;
    known.answers++;
    known.rssBytes = rssBytes;
    for (const front of fronts) known.fronts.set(keyOf(front), front);
  }

  /** `cut`: what it had cut on draining targets. */
  lost(worker: number, cut: Readonly<Record<string, number>>): void {
    const known = this.living.get(worker);
    this.living.delete(worker);
    for (const [target, count] of Object.entries(cut)) this.cuts.set(target, this.cutByLost(target) + count);
    for (const target of this.cuts.keys()) if (this.cuts.size > MAX_CUTS) this.cuts.delete(target);
    for (const [key, front] of known?.fronts ?? []) {
      const before = this.ended.get(key);
      if (!before && this.ended.size >= MAX_FRONTS) continue;
      const closed = { ...front, inFlight: 0, held: 0, connections: 0 };
      this.ended.set(key, before ? addStats(before, closed) : closed);
    }
  }

  replaced(reason: string): void {
    this.replacements.set(reason, (this.replacements.get(reason) ?? 0) + 1);
  }

  swapped(ms: number): void {
    const bucket = bucketOf(ms / 1000);
    this.swapCounts[bucket] = (this.swapCounts[bucket] ?? 0) + 1;
    this.swapSumS += ms / 1000;
  }

  /** The `since` of the next question. */
  seqOf(worker: number): number {
    return this.living.get(worker)?.seq ?? 0;
  }

  /** How often it has answered. */
  answersOf(worker: number): number {
    return this.living.get(worker)?.answers ?? 0;
  }

  rssOf(worker: number): number {
    return this.living.get(worker)?.rssBytes ?? 0;
  }

  cutByLost(target: string): number {
    return this.cuts.get(target) ?? 0;
  }

  families(serving: number): Family[] {
    const sum = new Map(this.ended);
    for (const { fronts } of this.living.values())
      for (const [key, front] of fronts) sum.set(key, sum.has(key) ? addStats(sum.get(key) ?? front, front) : front);
    const rssBytes = new Map([...this.living].map(([worker, known]) => [worker, known.rssBytes]));
    const swaps = { counts: this.swapCounts, sum: this.swapSumS };
    return [...frontFamilies(sum.values()), ...workerFamilies({ serving, rssBytes, replacements: this.replacements, swaps })];
  }
}

function keyOf({ listener, pool }: FrontStats): string {
  return `${listener} ${pool}`;
}
