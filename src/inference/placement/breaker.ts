export type BreakerState = "closed" | "open" | "half_open";

/** Told from all others by identity. */
export type Sent = object;

export interface BreakerRules {
  /** In a row. */
  readonly failures: number;
  readonly openMs: number;
}

/**
 * The circuit of one replica. What counts as a failure: no connection, a 5xx, a timeout. A 4xx (but for `isReplicasOwn`), a 429 and a
 * cancel are no verdict: `released()`. Times are monotonic ms, given by the caller; `sent` is what `began` returned for the task at hand.
 *
 *  closed ──failures in a row──▶ open ──openMs──▶ half_open ──one probe succeeds──▶ closed
 *                                 ▲                   │
 *                                 ╰────probe fails────╯
 */
export class Breaker {
  private inRow = 0;
  private openUntil: number | undefined;
  private probe: Sent | undefined;

  constructor(private readonly rules: BreakerRules) {}

  state(now: number): BreakerState {
    if (this.openUntil === undefined) return "closed";
    return now < this.openUntil ? "open" : "half_open";
  }

  /** Ms until it is half open; 0: it is, or it is closed. */
  opensInMs(now: number): number {
    return this.openUntil === undefined ? 0 : Math.max(0, this.openUntil - now);
  }

  /** Told without looking at a clock, which is dear where a decision asks a thousand of them. */
  get isClosed(): boolean {
    return this.openUntil === undefined;
  }

  /** May a task be sent? */
  allows(now: number): boolean {
    return this.openUntil === undefined || (now >= this.openUntil && !this.probe);
  }

  /** A task was sent; half-open it is the probe, which its verdict has to show. */
  began(now: number): Sent | undefined {
    return this.state(now) === "half_open" ? (this.probe = {}) : undefined;
  }

  /** While the circuit is open only the probe's word counts, not that of a task sent before. */
  succeeded(sent?: Sent): void {
    this.inRow = 0;
    if (!this.isProbe(sent)) return;
    this.openUntil = undefined;
    this.probe = undefined;
  }

  failed(now: number, sent?: Sent): void {
    this.inRow++;
    const opens = this.state(now) === "closed" ? this.inRow >= this.rules.failures : this.isProbe(sent);
    if (!opens) return;
    this.openUntil = now + this.rules.openMs;
    this.probe = undefined;
  }

  /** The task ended without a verdict: it was canceled, or the engine refused it. The next one may probe. */
  released(sent?: Sent): void {
    if (this.isProbe(sent)) this.probe = undefined;
  }

  private isProbe(sent: Sent | undefined): boolean {
    return sent !== undefined && sent === this.probe;
  }
}
