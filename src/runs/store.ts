import type { Json, JsonObject, Write } from "../kernel/event.ts";
import { OrcoError } from "../kernel/errors.ts";
import { type Queryable, rowsOf } from "../kernel/rows.ts";
import type { CheckpointView } from "../workflow/view.ts";
import type { Plan } from "./plan.ts";
import type { Concurrency, RunMode, RunRecord, StepState } from "./record.ts";
import { dispatchId } from "./redis/names.ts";

/** What a run was made with. */
export interface RunContent {
  /** Absent: whoever claims it knows what is to be done. */
  readonly plan?: Plan;
  readonly input: JsonObject;
}

/** What is kept in memory of a run that waits. */
export interface Waiting {
  readonly id: string;
  readonly lane: string;
  readonly kind: RunRecord["kind"];
  readonly mode: RunMode;
  readonly priority: number;
  readonly concurrency?: Concurrency;
}

/** Runs of plans in the journal's database, read; what changes them is a `Write`, made below, in the transaction of its event. */
export class BookStore {
  constructor(private readonly journal: Queryable) {}

  get(id: string): RunRecord | undefined {
    return rowsOf<RunRecord>(this.journal, "SELECT row FROM runs WHERE id = ? AND engine = 'plan'", [id])[0];
  }

  steps(run: string): Map<string, StepState> {
    const rows = rowsOf<StepState>(this.journal, "SELECT row FROM run_steps WHERE run = ? ORDER BY rowid", [run]);
    return new Map(rows.map((step) => [step.id, step]));
  }

  step(run: string, id: string): StepState | undefined {
    return rowsOf<StepState>(this.journal, "SELECT row FROM run_steps WHERE run = ? AND name = ?", [run, id])[0];
  }

  content(run: string): RunContent {
    const [row] = this.journal.query("SELECT plan, input FROM run_plans WHERE run = ?", [run]) as { plan: string; input: string }[];
    const plan = JSON.parse(row?.plan ?? "null") as Plan | null;
    return { ...(plan && { plan }), input: JSON.parse(row?.input ?? "{}") as JsonObject };
  }

  /** Oldest first. A pending one as what is kept of it, with its dispatch number; of others the record. */
  *open(): Generator<{ readonly waiting: Waiting; readonly dispatch: number } | { readonly run: RunRecord }> {
    const sql = `SELECT id, lane, kind, row ->> '$.mode' AS mode, row ->> '$.priority' AS priority, row ->> '$.dispatch' AS dispatch,
      row -> '$.concurrency' AS concurrency FROM runs WHERE engine = 'plan' AND status = 'pending' ORDER BY id`;
    for (const { dispatch, concurrency, ...row } of this.journal.query(sql) as PendingRow[])
      yield { dispatch, waiting: { ...row, ...(concurrency !== null && { concurrency: JSON.parse(concurrency) as Concurrency }) } };
    const held = "SELECT row FROM runs WHERE engine = 'plan' AND status IN ('running', 'paused') ORDER BY id";
    for (const run of rowsOf<RunRecord>(this.journal, held)) yield { run };
  }

  /** That were under way before and wait for another worker. */
  pendingWithTimeout(): RunRecord[] {
    const sql =
      "SELECT row FROM runs WHERE engine = 'plan' AND status = 'pending' AND row ->> '$.startedAt' > 0 AND row ->> '$.timeoutMs' > 0";
    return rowsOf<RunRecord>(this.journal, sql);
  }

  /** In the order in which they were recorded: their ids need not be, where a clock was set back or an id was given. `invalid` when `after` is none of them. */
  checkpoints(run: string, { after = "", limit }: { after?: string; limit: number }): CheckpointView[] {
    const n = after === "" ? 0 : this.placeOf(run, after);
    if (n === undefined) throw new OrcoError("invalid", `run ${run} has no checkpoint ${after.slice(0, 80)}`, { run });
    const sql = "SELECT data AS row FROM events WHERE topic = ? AND type = 'checkpoint' AND topic_seq > ? ORDER BY topic_seq LIMIT ?";
    return rowsOf<CheckpointView>(this.journal, sql, [topicOf(run), n, limit]);
  }

  hasCheckpoint(run: string, id: string): boolean {
    return this.placeOf(run, id) !== undefined;
  }

  checkpoint(run: string, id: string): CheckpointView | undefined {
    const sql = "SELECT data AS row FROM run_checkpoints JOIN events ON topic = ? AND topic_seq = n WHERE run = ? AND id = ?";
    return rowsOf<CheckpointView>(this.journal, sql, [topicOf(run), run, id])[0];
  }

  /** Looks through the events backwards: for steps that have no row, which are those that only an external worker knows. */
  newestCheckpoint(run: string, step: string): CheckpointView | undefined {
    const sql =
      "SELECT data AS row FROM events WHERE topic = ? AND type = 'checkpoint' AND data ->> '$.step' = ? ORDER BY topic_seq DESC LIMIT 1";
    return rowsOf<CheckpointView>(this.journal, sql, [topicOf(run), step])[0];
  }

  /** Its number in the topic of the run. */
  private placeOf(run: string, id: string): number | undefined {
    const [row] = this.journal.query("SELECT n FROM run_checkpoints WHERE run = ? AND id = ?", [run, id]) as { n: number }[];
    return row?.n;
  }

  signals(run: string): Set<string> {
    const rows = this.journal.query("SELECT name FROM run_signals WHERE run = ?", [run]) as { name: string }[];
    return new Set(rows.map(({ name }) => name));
  }

  signal(run: string, name: string): Json {
    return rowsOf<Json>(this.journal, "SELECT data AS row FROM run_signals WHERE run = ? AND name = ?", [run, name])[0] ?? null;
  }
}

type PendingRow = Omit<Waiting, "concurrency"> & { readonly dispatch: number; readonly concurrency: string | null };

export function topicOf(run: string): string {
  return `run/${run}`;
}

export function noRun(id: string): OrcoError {
  return new OrcoError("not_found", `there is no run ${id}`, { run: id });
}

export function runInsert(run: RunRecord): Write {
  return {
    sql: "INSERT INTO runs (id, kind, lane, status, row, created_at, engine) VALUES (?, ?, ?, ?, ?, ?, 'plan')",
    params: [run.id, run.kind, run.lane, run.status, JSON.stringify(run), run.createdAt],
  };
}

export function runUpdate(run: RunRecord): Write {
  return { sql: "UPDATE runs SET status = ?, row = ? WHERE id = ?", params: [run.status, JSON.stringify(run), run.id] };
}

export function contentInsert(run: string, { plan, input }: RunContent): Write {
  return {
    sql: "INSERT INTO run_plans (run, plan, input) VALUES (?, ?, ?)",
    params: [run, JSON.stringify(plan ?? null), JSON.stringify(input)],
  };
}

export function stepWrite(run: string, step: StepState): Write {
  return {
    sql: "INSERT INTO run_steps (run, name, row) VALUES (?, ?, ?) ON CONFLICT (run, name) DO UPDATE SET row = excluded.row",
    params: [run, step.id, JSON.stringify(step)],
  };
}

/** `fromLast`: events of the run that follow in the same append, all of which are there when this is carried out. */
export function checkpointInsert(run: string, id: string, fromLast: number): Write {
  return {
    sql: "INSERT INTO run_checkpoints (run, id, n) SELECT ?, ?, max(topic_seq) - ? FROM events WHERE topic = ?",
    params: [run, id, fromLast, topicOf(run)],
  };
}

export function signalInsert(run: string, name: string, data: Json): Write {
  return { sql: "INSERT INTO run_signals (run, name, data) VALUES (?, ?, ?)", params: [run, name, JSON.stringify(data)] };
}

/** What is owed to Redis: that it gets a job for this dispatch. Row: `{run, dispatch}`. */
export function dispatchInsert({ id, dispatch }: Pick<RunRecord, "id" | "dispatch">, now: number): Write {
  return {
    sql: "INSERT OR REPLACE INTO outbox (id, kind, run, due_at, row) VALUES (?, 'redis', ?, ?, ?)",
    params: [dispatchId({ id, dispatch }), id, now, JSON.stringify({ run: id, dispatch })],
  };
}

export function dispatchDelete(run: string): Write {
  return { sql: "DELETE FROM outbox WHERE run = ? AND kind = 'redis'", params: [run] };
}
