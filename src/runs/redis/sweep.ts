import { rowsOf, type Queryable } from "../../kernel/rows.ts";
import type { RunRecord } from "../record.ts";
import { runOfDispatch } from "./names.ts";

/** Jobs asked for in one breath: Redis has to answer within the patience of the link. */
const AT_ONCE = 200;

interface SweepOptions {
  readonly journal: Pick<Queryable, "query">;
  /** Runs that wait looked at by one `part`. */
  readonly perPart: number;
  /** Compares them with the queue. Resolves with whether the queue has them all now. */
  readonly tell: (pending: readonly RunRecord[]) => Promise<boolean>;
}

/** Goes through the runs that wait for a worker, a few at a time however many there are: neither Redis nor the journal is held up. */
export class Sweep {
  private cursor = "";

  constructor(private readonly options: SweepOptions) {}

  /** Resolves with whether the queue has them all now. */
  async all(): Promise<boolean> {
    let told = true;
    for (let after: string | undefined = ""; after !== undefined;) {
      const found = this.next(after, AT_ONCE);
      told = (await this.tell(found)) && told;
      after = followed(found, AT_ONCE);
    }
    return told;
  }

  /** The next of the round, and the first again after the last. */
  async part(): Promise<void> {
    for (let left = this.options.perPart; left > 0; left -= AT_ONCE) {
      const limit = Math.min(left, AT_ONCE);
      const found = this.next(this.cursor, limit);
      await this.tell(found);
      const after = followed(found, limit);
      this.cursor = after ?? "";
      if (after === undefined) return;
    }
  }

  /** Those of these jobs whose runs still wait. */
  async of(jobs: readonly string[]): Promise<boolean> {
    let all = true;
    for (let from = 0; from < jobs.length; from += AT_ONCE) {
      const runs = jobs.slice(from, from + AT_ONCE).map(runOfDispatch);
      const found = rowsOf<RunRecord>(this.options.journal, AMONG, [JSON.stringify(runs)]);
      all = (await this.tell(found)) && all;
    }
    return all;
  }

  private next(after: string, limit: number): RunRecord[] {
    return rowsOf<RunRecord>(this.options.journal, NEXT, [after, limit]);
  }

  private async tell(found: readonly RunRecord[]): Promise<boolean> {
    const pending = found.filter(({ engine, mode, dispatch }) => engine === "plan" && mode === "redis" && dispatch > 0);
    return pending.length === 0 || this.options.tell(pending);
  }
}

/** Where to go on; undefined: nothing is left. */
function followed(found: readonly RunRecord[], limit: number): string | undefined {
  return found.length < limit ? undefined : found.at(-1)?.id;
}

const NEXT = "SELECT row FROM runs WHERE status = 'pending' AND id > ? ORDER BY id LIMIT ?";
const AMONG = "SELECT row FROM runs WHERE status = 'pending' AND id IN (SELECT value FROM json_each(?))";
