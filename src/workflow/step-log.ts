import { STEP, type StepEvent, type StepRow, type StepStatus, type RunRow } from "./run.ts";
import type { RunStore } from "./store.ts";

export type StepChange = Partial<Pick<StepRow, "detail" | "result" | "error" | "undoable" | "waiting">>;

/** The steps of one run as they are on disk, in the order in which they began. The only writer of step rows. */
export class StepLog {
  private readonly rows: Map<string, StepRow>;

  constructor(
    private readonly store: RunStore,
    private readonly run: () => RunRow,
    former: readonly StepRow[],
  ) {
    this.rows = new Map(former.map((row) => [row.name, row]));
  }

  get(name: string): StepRow | undefined {
    return this.rows.get(name);
  }

  all(): readonly StepRow[] {
    return [...this.rows.values()];
  }

  /** Resolves when it is on disk; where it could not be written, the step is what it was before. Throws `internal` for what a step cannot do now. */
  async save(name: string, event: StepEvent, change: StepChange = {}): Promise<StepRow> {
    const before = this.rows.get(name);
    const status = STEP.next(before?.status ?? "new", event) as StepStatus;
    const row: StepRow = { ...before, name, ...change, status };
    this.rows.set(name, row);
    try {
      await this.store.saveStep(this.run(), row);
    } catch (error) {
      if (this.rows.get(name) === row && before) this.rows.set(name, before);
      else if (this.rows.get(name) === row) this.rows.delete(name);
      throw error;
    }
    return row;
  }
}
