import type { PoolBook } from "../pools/pool.ts";
import { Lane, type LaneOptions } from "./lane.ts";

/** The lanes of all pools, as the book has them. */
export class Lanes {
  private readonly lanes = new Map<string, Lane>();
  private snapshot: readonly Lane[] = [];
  /** Removed, with tasks that still run. */
  private readonly leaving = new Map<string, Lane>();

  constructor(
    private readonly book: PoolBook,
    private readonly options: LaneOptions,
  ) {}

  get(id: string): Lane | undefined {
    return this.lanes.get(id);
  }

  /** All of them, by id; the same array until a pool comes or goes. */
  all(): readonly Lane[] {
    return this.snapshot;
  }

  /** Takes over what the book says of a pool. Returns its lane, and whether it has gone. */
  sync(id: string): { readonly lane: Lane | undefined; readonly gone: boolean } {
    const facts = this.book.get(id);
    const known = this.lanes.get(id);
    if (facts && known) {
      known.update(facts);
      return { lane: known, gone: false };
    }
    if (facts) this.lanes.set(id, new Lane(facts, this.options, this.leaving.get(id)?.everyReplica()));
    else this.lanes.delete(id);
    if (known) this.leaving.set(id, known);
    else this.leaving.delete(id);
    for (const [other, lane] of this.leaving) if (lane.everyReplica().every(({ inFlight }) => inFlight === 0)) this.leaving.delete(other);
    this.snapshot = [...this.lanes.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return { lane: facts ? this.lanes.get(id) : known, gone: !facts };
  }
}
