import type { Clock } from "../kernel/clock.ts";
import type { JsonObject } from "../kernel/event.ts";
import { Progress } from "./progress.ts";
import type { RunRow, StepRow } from "./run.ts";
import { StepLog } from "./step-log.ts";
import type { RunStore } from "./store.ts";
import { Waits } from "./waits.ts";

interface ActiveOptions {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly isAbandoned: () => boolean;
  readonly onError: (error: unknown) => void;
}

export interface RowChange {
  readonly change: Partial<RunRow>;
  readonly type: string;
  readonly data?: JsonObject;
}

/** A run that has not ended, in this daemon. Its row is changed only here, one change after the other. */
export class ActiveRun {
  /** On disk; before that it must not begin, even if its lane falls free. */
  saved = false;
  /** Its end is being written: the first one counts. */
  ending = false;
  readonly controller = new AbortController();
  readonly ended = Promise.withResolvers<RunRow>();
  readonly steps: StepLog;
  readonly waits: Waits;
  readonly progress: Progress;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    public row: RunRow,
    former: readonly StepRow[],
    private readonly options: ActiveOptions,
  ) {
    const { store, clock, isAbandoned, onError } = options;
    this.steps = new StepLog(store, () => this.row, former);
    this.waits = new Waits({ run: row.id, log: this.steps, clock, isAbandoned });
    this.progress = new Progress((message, data) => store.note(this.row, message, data), onError);
  }

  /** `make` sees the row as the changes before left it; nothing is written where it gives none. */
  change(make: (row: RunRow) => RowChange | undefined): Promise<void> {
    const mine = this.writing.then(async () => {
      const made = make(this.row);
      if (!made) return;
      const row = { ...this.row, ...made.change };
      await this.options.store.save(row, made.type, made.data);
      this.row = row;
    });
    this.writing = mine.catch(() => undefined);
    return mine;
  }
}
