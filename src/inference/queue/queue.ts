import { Lane } from "./lane.ts";
import { type Ahead, Tally } from "./tally.ts";
import type { Entry, Waiting } from "./waiting.ts";

export interface QueueOptions {
  /** How many may wait, of both classes together. */
  readonly capacity: number;
  /** Of a full queue: refuse the newcomer, or let the oldest batch task, else the oldest task, go for it. */
  readonly policy: "reject" | "drop-lru";
  /** A batch task that has waited this long is no longer overtaken. */
  readonly ageingMs: number;
}

export interface Place {
  /** Tasks that start before it if nobody else comes; 0: it is next. */
  readonly position: number;
  /** The same tasks with their lengths. */
  readonly ahead: Ahead;
}

export type Enqueued =
  | ({ readonly kind: "accepted" } & Place)
  | ({ readonly kind: "evicted"; readonly evicted: string } & Place)
  | { readonly kind: "refused"; readonly code: "ADMISSION_REJECT" | "QUEUE_FULL_DROP_LRU" };

/**
 * The tasks that wait in one pool (inference.md, "Admission"): interactive strictly before batch, but a batch task that has waited for `ageingMs` before everything, oldest first;
 * fair between keys within a class; first come first served within a key. Bookkeeping alone: times (`now`, `at`) are monotonic ms and given, tasks come in the order of their `at`.
 * `enqueue` without the position, and `cancel`, cost the same at any depth, `take` the logarithm of the keys at worst; a position costs what waits before it, at worst.
 */
export class AdmissionQueue {
  private readonly entries = new Map<string, Entry>();
  private readonly interactive = new Lane();
  private readonly batch = new Lane();

  constructor(private readonly options: QueueOptions) {}

  get size(): number {
    return this.entries.size;
  }

  /** The id of each that waits, oldest first. */
  ids(): Iterable<string> {
    return this.entries.keys();
  }

  /** The same in about the order of `take`: what has aged, then interactive before batch; who shares with whom is left aside. */
  *inArrival(now: number): Iterable<string> {
    const gone = now - this.options.ageingMs;
    let young = this.batch.oldest;
    for (; young && young.task.at <= gone; young = young.newer) yield young.task.id;
    for (let entry = this.interactive.oldest; entry; entry = entry.newer) yield entry.task.id;
    for (; young; young = young.newer) yield young.task.id;
  }

  enqueue(task: Waiting, now: number): Enqueued {
    if (this.entries.has(task.id)) throw new Error(`task ${task.id} waits already`);
    const { capacity, policy } = this.options;
    const isFull = this.entries.size >= capacity;
    if (isFull && policy === "reject") return { kind: "refused", code: "ADMISSION_REJECT" };
    const victim = isFull ? (this.batch.oldest ?? this.interactive.oldest) : undefined;
    if (isFull && !victim) return { kind: "refused", code: "QUEUE_FULL_DROP_LRU" };
    if (victim) this.remove(victim);
    const entry = this.lane(task).add(task);
    this.entries.set(task.id, entry);
    const place = this.placeOf(entry, now);
    return victim ? { kind: "evicted", evicted: victim.task.id, ...place } : { kind: "accepted", ...place };
  }

  peek(now: number): string | undefined {
    return (this.aged(now) ?? this.interactive.next() ?? this.batch.next())?.task.id;
  }

  /** The next one, removed. */
  take(now: number): string | undefined {
    const aged = this.aged(now);
    const entry = aged ?? this.interactive.next() ?? this.batch.next();
    if (!entry) return undefined;
    this.entries.delete(entry.task.id);
    if (aged) this.batch.remove(entry);
    else this.lane(entry.task).start(entry);
    return entry.task.id;
  }

  /** False: it does not wait here. */
  cancel(id: string): boolean {
    const entry = this.entries.get(id);
    if (entry) this.remove(entry);
    return entry !== undefined;
  }

  /** As `take` would have it if time stood still. */
  position(id: string, now: number): number | undefined {
    return this.place(id, now)?.position;
  }

  place(id: string, now: number): Place | undefined {
    const entry = this.entries.get(id);
    return entry && this.placeOf(entry, now);
  }

  /** When the batch tasks that have not aged yet will have, soonest first; `limit` of them at most. */
  ripening(now: number, limit: number): number[] {
    const { ageingMs } = this.options;
    const times: number[] = [];
    for (let entry = this.batch.oldest; entry && times.length < limit; entry = entry.newer)
      if (entry.task.at > now - ageingMs) times.push(entry.task.at + ageingMs);
    return times;
  }

  /** Everything out, in the order in which it would have started; that some have aged is left aside. */
  clear(): string[] {
    const ids: string[] = [];
    const before = Number.NEGATIVE_INFINITY;
    for (let id = this.take(before); id !== undefined; id = this.take(before)) ids.push(id);
    return ids;
  }

  private placeOf(entry: Entry, now: number): Place {
    const ahead = this.aheadOf(entry, now);
    return { position: ahead.interactive.tasks + ahead.batch.tasks, ahead };
  }

  private aheadOf(entry: Entry, now: number): Ahead {
    const gone = now - this.options.ageingMs;
    const { priority, at } = entry.task;
    const batch = new Tally().addAll(this.batch.arrivedBy(gone, entry));
    if (priority === "interactive") return { interactive: this.interactive.ahead(entry, Number.NEGATIVE_INFINITY), batch };
    if (at <= gone) return { interactive: new Tally(), batch };
    return { interactive: new Tally().addAll(this.interactive.all), batch: batch.addAll(this.batch.ahead(entry, gone)) };
  }

  private aged(now: number): Entry | undefined {
    const { oldest } = this.batch;
    return oldest && oldest.task.at <= now - this.options.ageingMs ? oldest : undefined;
  }

  private lane({ priority }: Waiting): Lane {
    return priority === "interactive" ? this.interactive : this.batch;
  }

  private remove(entry: Entry): void {
    this.entries.delete(entry.task.id);
    this.lane(entry.task).remove(entry);
  }
}
