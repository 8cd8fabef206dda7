/** Powers of two, so that streams of one pace are due in the same turn whenever they began. */
const FAST_MS = 16;
const SLOW_MS = 1024;
/** How long a stream is looked at often after it said something. */
const WARM_MS = 2000;

/** How often a stream is looked at: every 16 ms while it matters, less and less often, to once a second, while it is silent. */
export class Pace {
  dueAt: number;
  private intervalMs = FAST_MS;
  private warmUntil: number;

  constructor(now: number) {
    this.dueAt = now;
    this.warmUntil = now + WARM_MS;
  }

  /** Sets the next look. `output`: there was some. `watched`: somebody waits for lines. */
  next(now: number, { output, watched }: { output: boolean; watched: boolean }): void {
    if (output) this.warmUntil = now + WARM_MS;
    const fast = watched || now < this.warmUntil;
    this.intervalMs = fast ? FAST_MS : Math.min(SLOW_MS, this.intervalMs * 2);
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
