import type { Clock } from "../kernel/clock.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { RunRow } from "./run.ts";
import type { RunStore } from "./store.ts";

/** How often what could not be written is tried again. */
export const RETRY_MS = 1000;

/** Ended runs whose end a full disk kept back. */
export class LateEnds {
  private readonly rows = new Map<string, RunRow>();

  constructor(private readonly options: { readonly store: RunStore; readonly clock: Clock; readonly isAbandoned: () => boolean }) {}

  get(id: string): RunRow | undefined {
    return this.rows.get(id);
  }

  /** Whoever follows the run waits for this event. Resolves when it is on disk, or when the daemon leaves. */
  async save(row: RunRow, data: JsonObject): Promise<void> {
    const { store, clock, isAbandoned } = this.options;
    this.rows.set(row.id, row);
    while (this.rows.has(row.id) && !isAbandoned()) {
      await clock.sleep(RETRY_MS);
      await store.save(row, `run.${row.status}`, data).then(
        () => this.rows.delete(row.id),
        () => undefined, // as full as before, which has been told
      );
    }
  }
}
