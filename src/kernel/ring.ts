/** Stands in a ring's stream where items were lost because the reader was slow. */
export class Dropped {
  constructor(readonly count: number) {}
}

export interface RingOptions<T> {
  /** Bound in items (default 1,024). */
  readonly maxItems?: number;
  /** Bound in bytes, as `sizeOf` counts them; no bound when absent. */
  readonly maxBytes?: number;
  readonly sizeOf?: (item: T) => number;
}

/**
 * A bounded channel for one reader that never blocks its writer. When it is full the oldest items go, and the reader
 * gets one `Dropped` with their count in exactly the place where they are missing.
 */
export class Ring<T> implements AsyncIterableIterator<T | Dropped> {
  private readonly items: { readonly value: T; readonly size: number }[] = [];
  private bytes = 0;
  private dropped = 0;
  private ended = false;
  private readonly readers: ((result: IteratorResult<T | Dropped>) => void)[] = [];
  private readonly limits: Required<RingOptions<T>>;

  constructor({ maxItems = 1024, maxBytes = Number.POSITIVE_INFINITY, sizeOf = () => 0 }: RingOptions<T> = {}) {
    this.limits = { maxItems, maxBytes, sizeOf };
  }

  get length(): number {
    return this.items.length;
  }

  /** Adds an item; false when that cost an older one, or when the ring has ended. */
  push(item: T): boolean {
    if (this.ended) return false;
    const reader = this.readers.shift();
    if (reader) {
      reader({ value: item, done: false });
      return true;
    }
    const size = this.limits.sizeOf(item);
    this.items.push({ value: item, size });
    this.bytes += size;
    const droppedBefore = this.dropped;
    while (this.length > this.limits.maxItems || this.bytes > this.limits.maxBytes) {
      this.takeOldest();
      this.dropped += 1;
    }
    return this.dropped === droppedBefore;
  }

  /** No more items. What is held is still read; then the stream is done. */
  end(): void {
    this.ended = true;
    for (const reader of this.readers.splice(0)) reader({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<T | Dropped>> {
    if (this.dropped > 0) {
      const value = new Dropped(this.dropped);
      this.dropped = 0;
      return Promise.resolve({ value, done: false });
    }
    const oldest = this.takeOldest();
    if (oldest) return Promise.resolve({ value: oldest.value, done: false });
    if (this.ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.readers.push(resolve));
  }

  /** The reader leaves: the ring ends and forgets what it holds. */
  return(): Promise<IteratorResult<T | Dropped>> {
    this.items.length = 0;
    this.bytes = 0;
    this.dropped = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private takeOldest(): { readonly value: T } | undefined {
    const oldest = this.items.shift();
    this.bytes -= oldest?.size ?? 0;
    return oldest;
  }
}
