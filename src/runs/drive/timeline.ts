interface Entry {
  readonly at: number;
  readonly id: string;
}

/** Steps by the moment when something is due, earliest first. Adding and removing is a binary search. */
export class Timeline {
  private readonly entries: Entry[] = [];

  add(at: number, id: string): void {
    this.entries.splice(this.place(at, id), 0, { at, id });
  }

  remove(at: number, id: string): void {
    const index = this.place(at, id);
    if (this.entries[index]?.id === id) this.entries.splice(index, 1);
  }

  *due(now: number): Generator<string> {
    for (const { at, id } of this.entries) {
      if (at > now) return;
      yield id;
    }
  }

  /** The first moment after `now`; what is due already is not waited for. */
  after(now: number): number | undefined {
    return this.entries[this.place(now, "\uffff")]?.at;
  }

  ids(): string[] {
    return this.entries.map(({ id }) => id);
  }

  private place(at: number, id: string): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.entries[middle];
      if (entry && (entry.at < at || (entry.at === at && entry.id < id))) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
