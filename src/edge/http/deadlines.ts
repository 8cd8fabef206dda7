import type { CancelTimer, Clock } from "../../kernel/clock.ts";

/** Something that ends when its time is over. It moves `dueAt` itself, as often as it likes: that costs one assignment. */
export interface Deadline {
  /** Monotonic ms; `Infinity`: never. */
  dueAt: number;
  /** The time is over. May set a new `dueAt`; one that does not is not called again before it does. */
  expire(now: number): void;
}

const SWEEP_MS = 100;

/**
 * One timer for all connections: every 100 ms it looks who is over time. A request moves its deadline several times, and a timer for each
 * would cost more than the parsing of its head; so would the exact time. Nobody is told too early, and nobody more than 200 ms too late.
 * Without anybody to watch no timer runs.
 */
export class Deadlines {
  private readonly watched = new Set<Deadline>();
  private cancel: CancelTimer | undefined;
  private lastSweep: number;

  constructor(private readonly clock: Clock) {
    this.lastSweep = clock.monotonic();
  }

  /** Monotonic ms, up to 100 ms old while anybody is watched. */
  get now(): number {
    return this.lastSweep;
  }

  /** When something is due that may take `ms`; 0 is no limit. */
  in(ms: number): number {
    return ms > 0 ? this.lastSweep + ms + SWEEP_MS : Infinity;
  }

  watch(entry: Deadline): void {
    this.watched.add(entry);
    if (this.cancel) return;
    this.lastSweep = this.clock.monotonic();
    this.cancel = this.clock.after(SWEEP_MS, this.sweep);
  }

  forget(entry: Deadline): void {
    this.watched.delete(entry);
  }

  get size(): number {
    return this.watched.size;
  }

  private readonly sweep = (): void => {
    const now = this.clock.monotonic();
    this.lastSweep = now;
    try {
      for (const entry of this.watched) {
        if (entry.dueAt > now) continue;
        entry.dueAt = Infinity;
        entry.expire(now);
      }
    } finally {
      // A defect met by one connection must not end the time of all others.
      this.cancel = this.watched.size > 0 ? this.clock.after(SWEEP_MS, this.sweep) : undefined;
    }
  };
}
