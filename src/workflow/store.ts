import type { Json, JsonObject, NewEvent, Write } from "../kernel/event.ts";
import { type Queryable, rowsOf } from "../kernel/rows.ts";
import type { RunRow, RunStatus, StepRow, StepWait } from "./run.ts";

/** Which runs: strictly before the id, of one lane (by an index), with one label (looked for row by row). */
export interface RunsWanted {
  readonly before?: string | undefined;
  readonly lane?: string;
  readonly label?: { readonly stack: string } | undefined;
}

/**
 * Runs and steps in the journal's database: each change is one event plus one row, in one transaction. Events have the topic `run/<id>`
 * and carry `{run, kind, …labels}` and
 *
 *   run.queued | started | cancelling | unwinding | completed | failed | cancelled   {status, code?, message?}
 *   step.running | completed | failed | delivered | undoing | undone | undo_failed   {step, status, message?}
 *   step.waiting                                                  {step, status, waiting: {kind, summary, content_hash?, roles?, expires_at?}}
 *   run.progress                                                  {message, …data}, bounded by `progress.ts`
 */
export class RunStore {
  /** `write` carries out what a run of this kind writes: it may know of room that others do not get. */
  constructor(
    private readonly journal: Queryable,
    private readonly write: <T>(kind: string, act: () => Promise<T>) => Promise<T> = (_, act) => act(),
    /** Of these kinds steps are no events: who runs them tells of their own. */
    private readonly quiet: ReadonlySet<string> = new Set(),
  ) {}

  async save(row: RunRow, type: string, data: JsonObject = {}): Promise<void> {
    await this.write(row.kind, () => this.journal.append([event(row, type, { status: row.status, ...data })], [runWrite(row)]));
  }

  async saveStep(run: RunRow, step: StepRow): Promise<void> {
    const data: Record<string, Json> = { step: step.name, status: step.status };
    if (step.detail !== undefined) data["message"] = step.detail;
    if (step.status === "waiting" && step.waiting) data["waiting"] = shown(step.waiting);
    const events = this.quiet.has(run.kind) ? [] : [event(run, `step.${step.status}`, data)];
    await this.write(run.kind, () => this.journal.append(events, [stepWrite(run.id, step)]));
  }

  async note(run: RunRow, message: string, data: JsonObject): Promise<void> {
    await this.journal.append([event(run, "run.progress", { message, ...data })]);
  }

  get(id: string): RunRow | undefined {
    return rowsOf<RunRow>(this.journal, "SELECT row FROM runs WHERE id = ? AND engine = 'workflow'", [id])[0];
  }

  /** In the order in which they began. */
  steps(id: string): StepRow[] {
    return rowsOf<StepRow>(this.journal, "SELECT row FROM run_steps WHERE run = ? ORDER BY rowid", [id]);
  }

  /** Newest first; `RunsWanted` says which. */
  list(limit: number, { before = "~", lane, label }: RunsWanted = {}): RunRow[] {
    const [name, value] = Object.entries(label ?? {})[0] ?? [];
    const where = [
      "engine = 'workflow'",
      "id < ?",
      ...(lane === undefined ? [] : ["lane = ?"]),
      ...(name === undefined ? [] : ["row ->> ? = ?"]),
    ];
    const params = [before, ...(lane === undefined ? [] : [lane]), ...(name === undefined ? [] : [`$.labels.${name}`, value ?? ""])];
    const sql = `SELECT row FROM runs WHERE ${where.join(" AND ")} ORDER BY id DESC LIMIT ?`;
    return rowsOf<RunRow>(this.journal, sql, [...params, limit]);
  }

  withStatus(...statuses: readonly RunStatus[]): RunRow[] {
    const marks = statuses.map(() => "?").join(", ");
    return rowsOf<RunRow>(this.journal, `SELECT row FROM runs WHERE engine = 'workflow' AND status IN (${marks}) ORDER BY id`, statuses);
  }
}

function event(run: RunRow, type: string, data: JsonObject): NewEvent {
  return { topic: `run/${run.id}`, type, data: { run: run.id, kind: run.kind, ...run.labels, ...data } };
}

/** The content stays out of the stream: it may be long, and the run itself shows it. */
function shown({ kind, summary, contentHash, roles, expiresAt }: StepWait): JsonObject {
  return {
    kind,
    summary,
    ...(contentHash !== undefined && { content_hash: contentHash }),
    ...(roles && { roles }),
    ...(expiresAt !== undefined && { expires_at: new Date(expiresAt).toISOString() }),
  };
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
