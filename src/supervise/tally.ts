import type { HealthSpec, Verdict } from "./health.ts";

/** Times in ms since the start of the instance, monotonic. */
export interface Round {
  readonly ok: boolean;
  readonly detail: string;
  readonly atMs: number;
}

/**
 * Counts rounds and says when the instance becomes ready or unready; pure but for its counters.
 *
 * A success counts at once. A failure does not count within gracePeriod after the start; and before the instance was ever
 * ready, when rounds come much faster than `interval`, at most one failure counts per interval, so that the early looks do not
 * use up failureThreshold before a slow service had its time.
 */
export class Tally {
  private successes = 0;
  private failures = 0;
  private countedAtMs = 0;
  /** The last verdict told; undefined before the first. */
  private told: boolean | undefined;
  private wasReady: boolean;

  constructor(
    private readonly health: Pick<HealthSpec, "gracePeriodMs" | "intervalMs" | "failureThreshold" | "successThreshold">,
    ready: boolean,
  ) {
    this.wasReady = ready;
    if (ready) this.told = true;
  }

  /** It has been ready once: rounds come every interval from then on. */
  get settled(): boolean {
    return this.wasReady;
  }

  /** The verdict when this round changes it. */
  count(round: Round): Verdict | undefined {
    if (round.ok) this.succeed();
    else this.fail(round.atMs);
    if (this.successes >= this.health.successThreshold) return this.tell(true, round);
    if (this.failures >= this.health.failureThreshold) return this.tell(false, round);
    return undefined;
  }

  private succeed(): void {
    this.successes++;
    this.failures = 0;
  }

  private fail(atMs: number): void {
    this.successes = 0;
    const { gracePeriodMs, intervalMs } = this.health;
    if (atMs < gracePeriodMs) return;
    if (!this.wasReady && atMs - this.countedAtMs < intervalMs) return;
    this.countedAtMs = atMs;
    this.failures++;
  }

  private tell(ready: boolean, { detail }: Round): Verdict | undefined {
    if (ready) this.wasReady = true;
    if (this.told === ready) return undefined;
    this.told = ready;
    return { ready, detail };
  }
}
