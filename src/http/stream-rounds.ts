import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../kernel/clock.ts";

/** What has something new for its readers. */
export interface Dirty {
  readonly readers: Iterable<{ give(): void }>;
}

/** Readers served before other work of the event loop gets its turn. */
const SLICE = 32;
/** Longest time that something new waits for its round. */
const MAX_REST_MS = 25;

/**
 * Serves readers in rounds. A round is followed by a rest as long as itself: with few readers each event leaves at once, with
 * thousands what happens meanwhile leaves in one write per reader, and half of the time is left for everything else.
 */
export class Rounds {
  private readonly dirty = new Set<Dirty>();
  private scheduled = false;
  private restUntil = 0;

  constructor(private readonly clock: Clock) {}

  soon(dirty: Dirty): void {
    this.dirty.add(dirty);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const restMs = this.restUntil - this.clock.monotonic();
    if (restMs > 0) this.clock.after(restMs, () => void this.round());
    else setImmediate(() => void this.round());
  }

  private async round(): Promise<void> {
    const started = this.clock.monotonic();
    const all = [...this.dirty];
    this.dirty.clear();
    let served = 0;
    for (const { readers } of all) {
      for (const reader of readers) {
        reader.give();
        if (++served % SLICE === 0) await turn();
      }
    }
    // What was given is written in the microtasks that follow.
    await turn();
    const ended = this.clock.monotonic();
    this.restUntil = ended + Math.min(MAX_REST_MS, ended - started);
    this.scheduled = false;
    if (this.dirty.size > 0) this.schedule();
  }
}
