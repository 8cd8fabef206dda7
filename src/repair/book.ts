import type { Clock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { JsonObject, NewEvent, Write } from "../kernel/event.ts";
import { type Queryable, rowsOf } from "../kernel/rows.ts";
import type { RepairRecord, StepName, StepRecord } from "./record.ts";

interface BookOptions {
  readonly journal: Queryable;
  readonly clock: Clock;
  /** A record has changed. */
  readonly onChange: (record: RepairRecord) => void;
}

/** What is told of a change on the run's stream. */
interface Told {
  readonly type: string;
  readonly data: JsonObject;
}

export interface BookQuery {
  readonly limit: number;
  /** Strictly older than this run. */
  readonly before?: string;
  /** Of these. */
  readonly lanes?: readonly string[];
  /** Whose run is in one of these, or whose end is not noted: memory may know more of those. */
  readonly runStatuses?: readonly string[];
}

/** A fault that was patched before, for the loop breaker. */
export interface FormerRepair {
  readonly id: string;
  readonly endedAt: number;
}

/** Greater than every id. */
const AFTER_ALL = "~";

/**
 * The records of repairs. Each change is one row and its events, in one transaction; changes of one record come one after the other. Events have the
 * topic `run/<id>`:
 *
 *   repair.step     {step, status, attempt, message?}
 *   repair.status   {status, …}
 *   repair.output   {step, message}
 */
export class RepairBook {
  /** Of runs that are not over: as their last change left them. */
  private readonly open = new Map<string, RepairRecord>();
  private readonly turns = new Map<string, Promise<unknown>>();

  constructor(private readonly options: BookOptions) {}

  /** Before its run is admitted; a record whose run never was is swept away at the next start. */
  async create(record: RepairRecord): Promise<void> {
    await this.options.journal.append([], [upsert(record)]);
    this.open.set(record.id, record);
  }

  has(id: string): boolean {
    return this.find(id) !== undefined;
  }

  /** `not_found`. */
  get(id: string): RepairRecord {
    const record = this.find(id);
    if (!record) throw new OrcoError("not_found", `there is no repair ${id}`, { run: id });
    return record;
  }

  /** Newest first. */
  list({ limit, before = AFTER_ALL, lanes, runStatuses }: BookQuery): readonly RepairRecord[] {
    const sql = `SELECT r.row AS row FROM repairs r LEFT JOIN runs ON runs.id = r.run
      WHERE r.run < ?1 AND (?2 IS NULL OR r.lane IN (SELECT value FROM json_each(?2)))
      AND (?3 IS NULL OR r.ended_at IS NULL OR runs.status IN (SELECT value FROM json_each(?3))) ORDER BY r.run DESC LIMIT ?4`;
    const [among, within] = [lanes, runStatuses].map((one) => (one === undefined ? null : JSON.stringify(one)));
    return rowsOf<RepairRecord>(this.options.journal, sql, [before, among ?? null, within ?? null, limit]).map(
      (record) => this.open.get(record.id) ?? record,
    );
  }

  /** All that there ever was a repair of. */
  lanes(): readonly string[] {
    return (this.options.journal.query("SELECT DISTINCT lane FROM repairs") as { lane: string }[]).map(({ lane }) => lane);
  }

  /** Finished runs of the lane with this fault whose patch was applied, that ended after `since` (epoch ms). */
  former(lane: string, signature: string, since: number): readonly FormerRepair[] {
    const sql = "SELECT run, ended_at FROM repairs WHERE lane = ? AND signature = ? AND ended_at > ? ORDER BY run DESC LIMIT 100";
    const rows = this.options.journal.query(sql, [lane, signature, since]) as { run: string; ended_at: number }[];
    return rows.map(({ run, ended_at: endedAt }) => ({ id: run, endedAt }));
  }

  /** What succeeded repairs left in files of a workspace: SHA-256, hex. */
  succeededHashes(workspace: string): ReadonlySet<string> {
    const sql = `SELECT r.row AS row FROM repairs r JOIN runs ON runs.id = r.run
      WHERE runs.status = 'completed' AND json_extract(r.row, '$.workspace') = ? ORDER BY r.run DESC LIMIT 1000`;
    const records = rowsOf<RepairRecord>(this.options.journal, sql, [workspace]);
    const files = records.flatMap(({ plan, patchedAt }) => (patchedAt === undefined ? [] : (plan?.files ?? [])));
    return new Set(files.flatMap(({ post_sha256: post }) => (post === null ? [] : [post])));
  }

  /**
   * When the last run of the lane that changed something ended; now, while one is under way; undefined when none did. Epoch ms. That of the run's own row
   * where no end could be noted here: a lane would rest for ever.
   */
  lastChange(lane: string): number | undefined {
    const sql = `SELECT max(coalesce(r.ended_at, runs.row ->> '$.endedAt', ?)) AS at FROM repairs r LEFT JOIN runs ON runs.id = r.run
      WHERE r.lane = ? AND r.row ->> '$.patchedAt' IS NOT NULL`;
    const [row] = this.options.journal.query(sql, [this.options.clock.now(), lane]) as { at: number | null }[];
    return row?.at ?? undefined;
  }

  /** Whether a repair of the service waits, runs, or waits for somebody. */
  isUnderWay(project: string, service: string): boolean {
    return this.unended().some((id) => {
      const record = this.find(id);
      return record?.project === project && record.service === service;
    });
  }

  /** When a crash loop of the service was last answered with a repair; epoch ms. */
  lastTriggered(project: string, service: string): number | undefined {
    const sql = `SELECT max(row ->> '$.queuedAt') AS at FROM repairs
      WHERE row ->> '$.project' = ? AND row ->> '$.service' = ? AND row ->> '$.trigger' = 'crash_loop'`;
    const [row] = this.options.journal.query(sql, [project, service]) as { at: number | null }[];
    return row?.at ?? undefined;
  }

  /**
   * Resolves when it is on disk. `make` sees the record as the changes before left it; nothing is written where it gives none, or where the run is over:
   * what was told to end, and ends late, changes nothing any more.
   */
  change(
    id: string,
    make: (record: RepairRecord) => Partial<RepairRecord> | undefined,
    told?: (next: RepairRecord) => Told,
  ): Promise<RepairRecord> {
    return this.inTurn(id, () => this.write(id, make, told));
  }

  step(id: string, name: StepName, make: (step: StepRecord) => Partial<StepRecord>): Promise<RepairRecord> {
    const change = ({ steps }: RepairRecord): Partial<RepairRecord> => ({
      steps: { ...steps, [name]: { ...steps[name], ...make(steps[name]) } },
    });
    return this.change(id, change, ({ steps }) => {
      const { status, attempt, message } = steps[name];
      return { type: "repair.step", data: { step: name, status, attempt, ...(message !== undefined && { message }) } };
    });
  }

  /** Said on the run's stream, and nowhere else. */
  async tell(id: string, { type, data }: Told): Promise<void> {
    await this.options.journal.append([event(id, { type, data })]);
  }

  /** Its run is over. */
  end(id: string, endedAt: number): Promise<void> {
    return this.inTurn(id, async () => {
      const record = this.find(id);
      if (!record) return;
      const signature = record.patchedAt === undefined || record.dryRun ? null : (record.finding?.signature ?? null);
      await this.options.journal.append(
        [],
        [{ sql: "UPDATE repairs SET ended_at = ?, signature = ? WHERE run = ?", params: [endedAt, signature, id] }],
      );
      this.open.delete(id);
    });
  }

  /** Runs that no end is noted of. */
  unended(): readonly string[] {
    const rows = this.options.journal.query("SELECT run FROM repairs WHERE ended_at IS NULL ORDER BY run") as { run: string }[];
    return rows.map(({ run }) => run);
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.options.journal.append(
      [],
      ids.map((id) => ({ sql: "DELETE FROM repairs WHERE run = ?", params: [id] })),
    );
    for (const id of ids) this.open.delete(id);
  }

  private async write(
    id: string,
    make: (record: RepairRecord) => Partial<RepairRecord> | undefined,
    told?: (next: RepairRecord) => Told,
  ): Promise<RepairRecord> {
    const record = this.get(id);
    const change = this.isOver(id) ? undefined : make(record);
    if (!change) return record;
    const next = { ...record, ...change };
    await this.options.journal.append(told ? [event(id, told(next))] : [], [upsert(next)]);
    this.open.set(id, next);
    this.options.onChange(next);
    return next;
  }

  private inTurn<T>(id: string, act: () => Promise<T>): Promise<T> {
    const mine = (this.turns.get(id) ?? Promise.resolve()).then(act);
    const quiet = mine
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => {
        if (this.turns.get(id) === quiet) this.turns.delete(id);
      });
    this.turns.set(id, quiet);
    return mine;
  }

  private isOver(id: string): boolean {
    if (this.open.has(id)) return false;
    return this.options.journal.query("SELECT 1 FROM repairs WHERE run = ? AND ended_at IS NOT NULL", [id]).length > 0;
  }

  private find(id: string): RepairRecord | undefined {
    const open = this.open.get(id);
    if (open) return open;
    return rowsOf<RepairRecord>(this.options.journal, "SELECT row FROM repairs WHERE run = ?", [id])[0];
  }
}

function event(id: string, { type, data }: Told): NewEvent {
  return { topic: `run/${id}`, type, data: { run: id, kind: "repair", ...data } };
}

function upsert(record: RepairRecord): Write {
  return {
    sql: "INSERT INTO repairs (run, lane, row) VALUES (?, ?, ?) ON CONFLICT (run) DO UPDATE SET row = excluded.row",
    params: [record.id, record.lane, JSON.stringify(record)],
  };
}
