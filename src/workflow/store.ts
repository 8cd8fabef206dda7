import type { EventLog, Json, JsonObject, NewEvent, Write } from "../kernel/event.ts";
import type { RunRow, RunStatus, StepRow } from "./run.ts";

/** Rows by SQL, as `kernel/journal.ts` offers them. */
export interface Queryable extends EventLog {
  query(sql: string, params?: readonly (string | number | null)[]): unknown[];
}

/** Runs and steps in the journal's database: each change is one event plus one row, in one transaction. */
export class RunStore {
  constructor(private readonly journal: Queryable) {}

  async save(row: RunRow, type: string, data: JsonObject = {}): Promise<void> {
    await this.journal.append([event(row, type, { status: row.status, ...data })], [runWrite(row)]);
  }

  async saveStep(run: RunRow, step: StepRow): Promise<void> {
    const data: Record<string, Json> = { step: step.name, status: step.status };
    if (step.detail !== undefined) data["message"] = step.detail;
    await this.journal.append([event(run, `step.${step.status}`, data)], [stepWrite(run.id, step)]);
  }

  async note(run: RunRow, message: string, data: JsonObject): Promise<void> {
    await this.journal.append([event(run, "run.progress", { message, ...data })]);
  }

  get(id: string): RunRow | undefined {
    return rows<RunRow>(this.journal.query("SELECT row FROM runs WHERE id = ?", [id]))[0];
  }

  steps(id: string): StepRow[] {
    return rows<StepRow>(this.journal.query("SELECT row FROM run_steps WHERE run = ? ORDER BY rowid", [id]));
  }

  /** Newest first, strictly before `before` where given. */
  list(limit: number, before?: string): RunRow[] {
    return rows<RunRow>(this.journal.query("SELECT row FROM runs WHERE id < ? ORDER BY id DESC LIMIT ?", [before ?? "~", limit]));
  }

  withStatus(...statuses: readonly RunStatus[]): RunRow[] {
    const marks = statuses.map(() => "?").join(", ");
    return rows<RunRow>(this.journal.query(`SELECT row FROM runs WHERE status IN (${marks}) ORDER BY id`, statuses));
  }
}

function event(run: RunRow, type: string, data: JsonObject): NewEvent {
  return { topic: `run/${run.id}`, type, data: { run: run.id, kind: run.kind, ...run.labels, ...data } };
}

function runWrite(row: RunRow): Write {
  return {
    sql: `INSERT INTO runs (id, kind, lane, status, row, created_at) VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET status = excluded.status, row = excluded.row`,
    params: [row.id, row.kind, row.lane, row.status, JSON.stringify(row), row.createdAt],
  };
}

function stepWrite(run: string, step: StepRow): Write {
  return {
    sql: "INSERT INTO run_steps (run, name, row) VALUES (?, ?, ?) ON CONFLICT (run, name) DO UPDATE SET row = excluded.row",
    params: [run, step.name, JSON.stringify(step)],
  };
}

function rows<T>(found: unknown[]): T[] {
  return found.map((item) => JSON.parse((item as { row: string }).row) as T);
}
