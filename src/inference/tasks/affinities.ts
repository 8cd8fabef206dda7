import type { PlacedTask } from "../placement/snapshot.ts";

/** Sessions and prompt beginnings that are remembered. */
const MAX = 20_000;

export interface Place {
  readonly pool: string;
  readonly replica: string;
}

/** Where sessions and prompts that begin alike went last; those not asked for longest go first. */
export class Affinities {
  private readonly places = new Map<string, Place>();

  of({ affinity }: PlacedTask): Place | undefined {
    return affinity === undefined ? undefined : this.places.get(affinity);
  }

  went({ affinity }: PlacedTask, place: Place): void {
    if (affinity === undefined) return;
    this.places.delete(affinity);
    this.places.set(affinity, place);
    for (const [oldest] of this.places) {
      if (this.places.size <= MAX) break;
      this.places.delete(oldest);
    }
  }

  /** Of a pool whose engines no longer hold anything. */
  forget(pool: string): void {
    for (const [key, place] of this.places) if (place.pool === pool) this.places.delete(key);
  }
}
