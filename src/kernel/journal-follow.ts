import type { JournalEvent, ReadQuery } from "./event.ts";
import { PAGE } from "./journal-read.ts";
import type { Tail } from "./journal-tail.ts";
import { matches, topicFilter, type TopicFilter } from "./journal-topic.ts";

/** What a follower reads from. */
export interface FollowSource {
  read(query: ReadQuery): JournalEvent[];
  /** The last global seq. */
  head(): number;
  readonly closed: boolean;
  readonly tail: Tail;
  readonly followers: Followers;
}

type Result = IteratorResult<JournalEvent>;

/**
 * One reader of the journal. It holds a cursor and at most one page; a slow one finds its next page on disk. Backlog and
 * live are the same thing, "what comes after my cursor", so there is no seam between them to lose or repeat an event at.
 */
export class Follower implements AsyncIterableIterator<JournalEvent> {
  readonly filter: TopicFilter;
  /** topicSeq or global seq, as the query counts. */
  private cursor: number;
  /** Every matching event up to this global seq is in or before `page`; undefined while behind. */
  private scanned: number | undefined;
  private page: readonly JournalEvent[] = [];
  private at = 0;
  private ended = false;
  private readonly waiting: PromiseWithResolvers<Result>[] = [];
  private readonly end = () => this.finish();

  constructor(
    private readonly source: FollowSource,
    private readonly query: ReadQuery & { signal?: AbortSignal },
  ) {
    this.filter = topicFilter(query.topic);
    this.cursor = query.after ?? 0;
    if (query.signal?.aborted) this.ended = true;
    else query.signal?.addEventListener("abort", this.end, { once: true });
  }

  async next(): Promise<Result> {
    if (this.source.closed) this.finish();
    if (this.ended) return { value: undefined, done: true };
    const event = this.takeOrFinish();
    if (event) return { value: event, done: false };
    const waiter = Promise.withResolvers<Result>();
    this.waiting.push(waiter);
    this.source.followers.add(this);
    return waiter.promise;
  }

  return(): Promise<Result> {
    this.finish();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Something was committed that may match. */
  wake(): void {
    try {
      while (this.waiting.length > 0) {
        const event = this.take();
        if (!event) return;
        this.waiting.shift()?.resolve({ value: event, done: false });
      }
      this.source.followers.remove(this);
    } catch (error) {
      for (const waiter of this.waiting.splice(0)) waiter.reject(error);
      this.finish();
    }
  }

  private takeOrFinish(): JournalEvent | undefined {
    try {
      return this.take();
    } catch (error) {
      this.finish();
      throw error;
    }
  }

  finish(): void {
    this.ended = true;
    this.page = [];
    this.query.signal?.removeEventListener("abort", this.end);
    this.source.followers.remove(this);
    for (const waiter of this.waiting.splice(0)) waiter.resolve({ value: undefined, done: true });
  }

  private take(): JournalEvent | undefined {
    if (this.at >= this.page.length) {
      this.page = this.nextPage();
      this.at = 0;
      const last = this.page.at(-1);
      if (last) this.cursor = this.position(last);
    }
    return this.page[this.at++];
  }

  private nextPage(): readonly JournalEvent[] {
    const recent = this.scanned === undefined ? undefined : this.source.tail.since(this.scanned);
    if (recent) {
      this.scanned = recent.at(-1)?.seq ?? this.scanned;
      return recent.filter((event) => matches(this.filter, event.topic) && this.position(event) > this.cursor);
    }
    const page = this.source.read({ ...this.query, after: this.cursor, limit: PAGE });
    this.scanned = page.length < PAGE ? this.source.head() : undefined;
    return page;
  }

  private position(event: JournalEvent): number {
    return this.filter.kind === "exact" ? event.topicSeq : event.seq;
  }
}

/** Followers that wait for an event, by what they wait for. One that is busy with a page is not here, and costs a commit nothing. */
export class Followers {
  private readonly exact = new Map<string, Set<Follower>>();
  private readonly wide = new Set<Follower>();

  add(follower: Follower): void {
    const { filter } = follower;
    if (filter.kind !== "exact") {
      this.wide.add(follower);
      return;
    }
    const group = this.exact.get(filter.topic) ?? new Set();
    this.exact.set(filter.topic, group.add(follower));
  }

  remove(follower: Follower): void {
    const { filter } = follower;
    if (filter.kind !== "exact") {
      this.wide.delete(follower);
      return;
    }
    const group = this.exact.get(filter.topic);
    group?.delete(follower);
    if (group?.size === 0) this.exact.delete(filter.topic);
  }

  wake(events: readonly JournalEvent[]): void {
    const topics = new Set(events.map((event) => event.topic));
    for (const topic of topics) for (const follower of this.exact.get(topic) ?? []) follower.wake();
    for (const follower of this.wide) follower.wake();
  }

  /** The journal closes. */
  finish(): void {
    for (const group of this.exact.values()) for (const follower of group) follower.finish();
    for (const follower of this.wide) follower.finish();
  }
}
