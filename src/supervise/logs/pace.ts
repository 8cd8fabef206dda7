/** Powers of two, so that streams of one pace are due in the same turn whenever they began. */
const FAST_MS = 16;
const WARM_MS = 64;
const SLOW_MS = 1024;
/** How long after its last output a stream counts as warm. */
const WARM_FOR_MS = 2000;

/**
 * How often a stream is looked at: every 16 ms while it speaks or somebody waits for it, every 64 ms for two seconds
 * after that (a hundred services that log one request a second would else cost 3 % of a core), then once a second.
 */
export class Pace {
  dueAt: number;
  private intervalMs = FAST_MS;
  private warmUntil: number;

  constructor(now: number) {
    this.dueAt = now;
    this.warmUntil = now + WARM_FOR_MS;
  }

  /** Sets the next look. `output`: there was some. `watched`: somebody waits for lines. */
  next(now: number, output: boolean, watched: boolean): void {
    if (output) this.warmUntil = now + WARM_FOR_MS;
    if (output || watched) this.intervalMs = FAST_MS;
    else this.intervalMs = Math.min(this.intervalMs * 2, now < this.warmUntil ? WARM_MS : SLOW_MS);
    this.dueAt = (Math.floor(now / this.intervalMs) + 1) * this.intervalMs;
  }

  hurry(now: number): void {
    this.intervalMs = FAST_MS;
    this.dueAt = Math.min(this.dueAt, now);
  }

  /** Not before `ms` have passed. */
  rest(now: number, ms: number): void {
    this.dueAt = now + ms;
  }
}
