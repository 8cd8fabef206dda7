/** Requests that wait for a slot; one more is refused. */
const MAX_WAITING = 1024;

export interface MockStats {
  requests: number;
  /** In a slot at this moment. */
  active: number;
  /** Without a head yet, because every slot is taken. */
  waiting: number;
  /** Ended because the client went. */
  canceled: number;
  refused: number;
  tokens: number;
  /** The most that were active at once. */
  peak: number;
}

/** The places of an engine. Only this class counts them. */
export class Slots {
  readonly stats: MockStats = { requests: 0, active: 0, waiting: 0, canceled: 0, refused: 0, tokens: 0, peak: 0 };
  private readonly held: (number | undefined)[];
  private readonly queue = new Set<() => void>();

  constructor(
    total: number,
    private readonly whenFull: "refuse" | "queue",
  ) {
    this.held = Array.from({ length: total }, () => undefined);
  }

  /** What each slot works on; undefined: free. */
  get all(): readonly (number | undefined)[] {
    return this.held;
  }

  /** Calls `run` once the task has a slot, at once or later; undefined: refused. The returned function lets go of the slot, or of the place in the queue. */
  take(task: number, run: (letGo: () => void) => void): (() => void) | undefined {
    this.stats.requests++;
    const lease: { slot?: number } = {};
    const start = (): void => {
      lease.slot = this.held.indexOf(undefined);
      this.held[lease.slot] = task;
      this.stats.peak = Math.max(this.stats.peak, ++this.stats.active);
      run(letGo);
    };
    const letGo = (): void => this.letGo(start, lease);
    if (this.stats.active < this.held.length) start();
    else if (this.whenFull === "queue" && this.queue.size < MAX_WAITING) {
      this.queue.add(start);
      this.stats.waiting = this.queue.size;
    } else {
      this.stats.refused++;
      return undefined;
    }
    return letGo;
  }

  private letGo(start: () => void, lease: { slot?: number }): void {
    if (this.queue.delete(start)) {
      this.stats.waiting = this.queue.size;
      return;
    }
    if (lease.slot === undefined) return;
    this.held[lease.slot] = undefined;
    delete lease.slot;
    this.stats.active--;
    const [next] = this.queue;
    if (next === undefined) return;
    this.queue.delete(next);
    this.stats.waiting = this.queue.size;
    next();
  }
}
