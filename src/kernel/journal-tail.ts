import type { JournalEvent } from "./event.ts";

/** Bounds of what is kept in memory for followers that are up to date. */
const MAX_EVENTS = 1024;
const MAX_BYTES = 1024 * 1024;

interface Batch {
  readonly events: readonly JournalEvent[];
  readonly bytes: number;
}

/** The last committed events, shared by all followers: two thousand of them read a new event without two thousand queries. */
export class Tail {
  private readonly batches: Batch[] = [];
  private count = 0;
  private bytes = 0;

  /** Adds the events of one transaction, which continue those before. */
  push(events: readonly JournalEvent[], bytes: number): void {
    if (events.length === 0) return;
    this.batches.push({ events, bytes });
    this.count += events.length;
    this.bytes += bytes;
    while (this.count > MAX_EVENTS || this.bytes > MAX_BYTES) {
      const oldest = this.batches.shift();
      if (!oldest) return;
      this.count -= oldest.events.length;
      this.bytes -= oldest.bytes;
    }
  }

  /** All events after `seq`; undefined when the tail does not reach back that far. */
  since(seq: number): JournalEvent[] | undefined {
    const first = this.batches[0]?.events[0];
    if (!first || seq + 1 < first.seq) return undefined;
    const start = this.batches.findLastIndex((batch) => (batch.events[0]?.seq ?? 0) <= seq + 1);
    return this.batches.slice(start).flatMap((batch) => batch.events.filter((event) => event.seq > seq));
  }
}
