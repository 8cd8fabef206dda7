import type { CancelTimer, Clock } from "../../kernel/clock.ts";

/** Something that is looked at now and then, and worked on while it has work. */
export interface Source {
  /** Monotonic ms of the next look; Infinity for never. */
  dueAt(): number;
  /** A cheap look, which also sets the next `dueAt`; true when there is work. */
  poll(now: number): boolean;
  /** Does a bounded piece of work; true when there is more. */
  step(): boolean;
}

/** Longest stretch of the event loop that is held before others get their turn. */
const SLICE_MS = 8;

/** One timer and one queue for all sources of a store: fair between them, and cheap while nothing happens. */
export class Pump {
  private readonly sources = new Set<Source>();
  private readonly queue = new Set<Source>();
  private timer: { readonly at: number; readonly cancel: CancelTimer } | undefined;
  private slicing = false;
  private closed = false;

  constructor(private readonly clock: Clock) {}

  add(source: Source): void {
    this.sources.add(source);
    this.arm();
  }

  remove(source: Source): void {
    this.sources.delete(source);
    this.queue.delete(source);
  }

  /** A source wants to be looked at earlier than it said. */
  hurry(): void {
    this.arm();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.sources.clear();
    this.queue.clear();
  }

  private arm(): void {
    if (this.closed) return;
    let at = Number.POSITIVE_INFINITY;
    for (const source of this.sources) if (!this.queue.has(source)) at = Math.min(at, source.dueAt());
    if (this.timer && this.timer.at <= at) return;
    this.timer?.cancel();
    this.timer = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    const cancel = this.clock.after(Math.max(0, at - this.clock.monotonic()), () => this.tick());
    this.timer = { at, cancel };
  }

  private tick(): void {
    this.timer = undefined;
    const now = this.clock.monotonic();
    for (const source of this.sources) {
      if (source.dueAt() <= now && !this.queue.has(source) && source.poll(now)) this.queue.add(source);
    }
    if (!this.slicing) this.slice();
    this.arm();
  }

  private slice(): void {
    this.slicing = true;
    const until = this.clock.monotonic() + SLICE_MS;
    for (const source of this.queue) {
      this.queue.delete(source);
      if (source.step()) this.queue.add(source);
      if (this.clock.monotonic() >= until) break;
    }
    this.slicing = this.queue.size > 0 && !this.closed;
    if (this.slicing) setImmediate(() => this.slice());
    else this.arm();
  }
}
