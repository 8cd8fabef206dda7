import type { Front } from "./route.ts";

/** What the rest of the daemon asks of the edge. The implementation is `control.ts`; products get it from `daemon.ts`. */
export interface Traffic {
  /**
   * Makes these fronts part of the table (by id, replacing former ones) in one version, and resolves when every worker serves it.
   * Calls of one turn share a version. Throws `port_in_use` (facts: port, pid?, command?) when a new listener cannot be bound – the table is then as before –
   * `conflict` when another front of the listener has the same hosts or another protocol, `disk_full`.
   */
  put(fronts: readonly Front[]): Promise<void>;
  /** Takes fronts out; listeners without a front close. Unknown ids are nothing. */
  remove(ids: readonly string[]): Promise<void>;
  /** Resolves when nothing is in flight on the target in any worker: by itself, or cut at its drain timeout. `cut`: how many were. */
  drained(target: string, signal?: AbortSignal): Promise<{ readonly cut: number }>;
  /** The front as last put. */
  front(id: string): Front | undefined;
  /** After a start: fronts whose id `keep` does not hold any more are removed. */
  prune(keep: (id: string) => boolean): Promise<void>;
}
