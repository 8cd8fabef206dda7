import type { Concurrency } from "./record.ts";
import type { Waiting } from "./store.ts";
import { WaitingHeap } from "./waiting-heap.ts";

/** Runs under way that do not count against the cap: in memory, though nothing executes for them. */
const MAX_RESTING = 10_000;

/** Runs of a concurrency key. */
interface Lane {
  /** All that have not ended, with what each was made with. */
  readonly members: Map<string, Concurrency>;
  readonly holders: Set<string>;
  readonly waiting: WaitingHeap;
}

/** What becomes of a new run of a full lane. */
export type Entry =
  | { readonly kind: "enter" }
  | { readonly kind: "busy"; readonly run: string }
  | { readonly kind: "replace"; readonly runs: readonly string[] };

/**
 * Who may go: lanes with their limits, priority before age, and a cap on what the daemon drives. Pure bookkeeping over ids; the book carries it out.
 *
 *   enter → (wait → next) or hold → wait again (its worker was lost), rest (paused) → leave
 *
 * A run without a key has no lane: nothing but the cap holds it back. External runs do not wait here: who claims one takes the place then.
 */
export class Admission {
  private readonly lanes = new Map<string, Lane>();
  /** Runs that a lane lets through, at most one of each lane: those that count against the cap, and those that do not. */
  private readonly ready = { driven: new WaitingHeap(), others: new WaitingHeap() };
  private readonly held = new Map<string, Waiting>();
  private readonly driven = new Set<string>();
  private readonly resting = new Set<string>();

  constructor(private readonly maxDriven: number) {}

  /** What its policy says of a new run. Changes nothing. */
  entry({ lane, concurrency }: Pick<Waiting, "lane" | "concurrency">): Entry {
    const members = this.lanes.get(lane)?.members;
    if (!concurrency || !members || members.size < concurrency.limit || concurrency.policy === "queue") return { kind: "enter" };
    const oldest = [...members.keys()].toSorted().slice(0, members.size - concurrency.limit + 1);
    return concurrency.policy === "reject" ? { kind: "busy", run: oldest[0] ?? "" } : { kind: "replace", runs: oldest };
  }

  /** It exists and has not ended. Idempotent. */
  enter(run: Waiting): void {
    if (!run.concurrency) return;
    const lane = this.lanes.get(run.lane) ?? { members: new Map(), holders: new Set(), waiting: new WaitingHeap() };
    this.lanes.set(run.lane, lane);
    lane.members.set(run.id, run.concurrency);
  }

  /** Members of lanes that a newer one replaces, as `entry` said when that one came. */
  *superseded(): Generator<{ readonly run: string; readonly by: string }> {
    for (const { members } of this.lanes.values()) {
      const sorted = [...members].toSorted(([a], [b]) => (a < b ? -1 : 1));
      let kept = 0;
      for (const [older, [by, { policy, limit }]] of sorted.entries())
        if (policy === "replace") for (; kept <= older - limit; kept++) yield { run: sorted[kept]?.[0] ?? "", by };
    }
  }

  /** It waits for `next` to name it. Idempotent, also for one that holds its place: that one gives it back. */
  wait(run: Waiting): void {
    this.enter(run);
    this.release(run.id);
    if (run.kind === "external") return;
    if (run.concurrency) this.lanes.get(run.lane)?.waiting.add(run);
    else this.heapOf(run).add(run);
    this.offer(run.lane);
  }

  /** Its place is taken, whether there is one or not. `counts`: against the cap, which what is paused or only waits for somebody does not. */
  hold(run: Waiting, counts: boolean): void {
    this.enter(run);
    this.forgetWaiting(run);
    this.held.set(run.id, run);
    this.lanes.get(run.lane)?.holders.add(run.id);
    this.driven.delete(run.id);
    this.resting.delete(run.id);
    if (isDriven(run)) (counts ? this.driven : this.resting).add(run.id);
  }

  /** Takes a place if there is one. */
  tryHold(run: Waiting): boolean {
    if (!this.held.has(run.id) && !this.hasRoom(run)) return false;
    this.hold(run, true);
    return true;
  }

  /** Takes a place for a new run that the daemon drives, if there is one and nobody waits for it: then it need not wait at all. */
  takeNew(run: Waiting): boolean {
    const someWait = this.ready.driven.peek() ?? this.lanes.get(run.lane)?.waiting.peek();
    if (!isDriven(run) || someWait || !this.hasPlace() || !this.hasRoom(run)) return false;
    this.hold(run, true);
    return true;
  }

  holds(id: string): boolean {
    return this.held.has(id);
  }

  /** Whether it holds a place that counts against the cap. */
  counts(id: string): boolean {
    return this.driven.has(id);
  }

  /** Neither waits nor holds a place any more, but is still one of its lane. */
  rest(run: Waiting): void {
    this.enter(run);
    this.release(run.id);
    this.forgetWaiting(run);
  }

  leave(run: Waiting): void {
    this.release(run.id);
    this.forgetWaiting(run);
    const lane = this.lanes.get(run.lane);
    lane?.members.delete(run.id);
    if (lane?.members.size === 0) this.lanes.delete(run.lane);
  }

  /** The next one that may go; it holds its place from now on. */
  next(): Waiting | undefined {
    for (;;) {
      const run = this.ready.others.pop() ?? (this.hasPlace() ? this.ready.driven.pop() : undefined);
      if (!run) return undefined;
      // A better one of its lane may have come since it was ready: a lane keeps its order.
      const fits = this.hasRoom(run) && (!run.concurrency || this.lanes.get(run.lane)?.waiting.peek() === run);
      if (fits) this.hold(run, true);
      this.offer(run.lane);
      if (fits) return run;
    }
  }

  private hasPlace(): boolean {
    return this.driven.size < this.maxDriven && this.resting.size < MAX_RESTING;
  }

  private hasRoom({ lane, concurrency }: Waiting): boolean {
    return !concurrency || (this.lanes.get(lane)?.holders.size ?? 0) < concurrency.limit;
  }

  private release(id: string): void {
    const run = this.held.get(id);
    if (!run) return;
    this.held.delete(id);
    this.driven.delete(id);
    this.resting.delete(id);
    this.lanes.get(run.lane)?.holders.delete(id);
    this.offer(run.lane);
  }

  private forgetWaiting(run: Waiting): void {
    const wasReady = this.heapOf(run).remove(run.id);
    const lane = this.lanes.get(run.lane);
    lane?.waiting.remove(run.id);
    if (lane && wasReady) this.offer(run.lane);
  }

  /** Of a lane with room the first one that waits is ready. */
  private offer(key: string): void {
    const lane = this.lanes.get(key);
    const first = lane?.waiting.peek();
    if (first && this.hasRoom(first)) this.heapOf(first).add(first);
  }

  private heapOf(run: Waiting): WaitingHeap {
    return isDriven(run) ? this.ready.driven : this.ready.others;
  }
}

/** By this daemon; others are driven by a worker. */
function isDriven({ kind, mode }: Waiting): boolean {
  return kind === "plan" && mode !== "redis";
}
