/** Counts of one front in one worker, as they travel: `durations` per bucket of `DURATION_BOUNDS_S` and one for what is above. */
export interface FrontStats {
  readonly listener: string;
  readonly pool: string;
  readonly codes: Readonly<Record<string, number>>;
  readonly durations: readonly number[];
  readonly durationSumS: number;
  readonly retries: number;
  readonly inFlight: number;
  readonly held: number;
  readonly connections: number;
}

/** `seq` is the `since` of the next question. */
export interface StatsAnswer {
  readonly seq: number;
  readonly rssBytes: number;
  readonly fronts: readonly FrontStats[];
}

export const DURATION_BOUNDS_S: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Where a duration is counted. */
export function bucketOf(seconds: number): number {
  let bucket = 0;
  while (bucket < DURATION_BOUNDS_S.length && seconds > (DURATION_BOUNDS_S[bucket] ?? 0)) bucket++;
  return bucket;
}

/** What a worker counts for one front. Called for every request: nothing here allocates. */
export class FrontCounter {
  /** By status; most are absent. */
  private readonly codes: number[] = [];
  private readonly durations = DURATION_BOUNDS_S.map(() => 0).concat(0);
  private durationSumS = 0;
  private retries = 0;
  private inFlight = 0;
  private held = 0;
  private connections = 0;
  /** The question after which it last changed. */
  private changedAt = 0;

  constructor(
    readonly listener: string,
    readonly pool: string,
    private readonly epoch: { readonly now: number },
  ) {}

  /** A request is over: answered, or 499 when its client left, or 000 for a connection that carried no HTTP. */
  finished(code: number, durationMs: number): void {
    this.codes[code] = (this.codes[code] ?? 0) + 1;
    const seconds = durationMs / 1000;
    const bucket = bucketOf(seconds);
    this.durations[bucket] = (this.durations[bucket] ?? 0) + 1;
    this.durationSumS += seconds;
    this.changedAt = this.epoch.now;
  }

  retried(): void {
    this.retries++;
    this.changedAt = this.epoch.now;
  }

  addInFlight(by: 1 | -1): void {
    this.inFlight += by;
    this.changedAt = this.epoch.now;
  }

  addHeld(by: 1 | -1): void {
    this.held += by;
    this.changedAt = this.epoch.now;
  }

  addConnection(by: 1 | -1): void {
    this.connections += by;
    this.changedAt = this.epoch.now;
  }

  changedSince(epoch: number): boolean {
    return this.changedAt > epoch;
  }

  stats(): FrontStats {
    const { listener, pool, retries, inFlight, held, connections, durationSumS } = this;
    const codes = Object.fromEntries(Object.entries(this.codes));
    return { listener, pool, codes, durations: [...this.durations], durationSumS, retries, inFlight, held, connections };
  }
}

/** Counters outlive their front: a counter that went back to zero would look like a restart. */
const MAX_COUNTERS = 20_000;

/** All counters of a worker. Asked for what changed, so that ten thousand idle fronts cost an answer nothing. */
export class Counters {
  private readonly counters = new Map<string, FrontCounter>();
  private readonly epoch = { now: 1 };

  of(listener: string, pool: string): FrontCounter {
    const key = `${listener} ${pool}`;
    const known = this.counters.get(key);
    if (known) return known;
    const made = new FrontCounter(listener, pool, this.epoch);
    if (this.counters.size < MAX_COUNTERS) this.counters.set(key, made);
    return made;
  }

  /** What changed after the answer with this `seq`. */
  answer(since: number): StatsAnswer {
    const fronts = [...this.counters.values()].filter((counter) => counter.changedSince(since)).map((counter) => counter.stats());
    const seq = this.epoch.now++;
    return { seq, rssBytes: process.memoryUsage.rss(), fronts };
  }
}
