import { type Queryable, rowsOf } from "../kernel/rows.ts";
import { runView, withoutContent } from "../workflow/run-view.ts";
import type { RunRow, StepRow } from "../workflow/run.ts";
import type { RunView } from "../workflow/view.ts";
import type { RunRecord, StepState } from "./record.ts";
import { planRunView } from "./run-view.ts";
import { noRun } from "./store.ts";

export interface RunsFilter {
  /** As on the wire. */
  readonly status?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly owner?: string;
  readonly mode?: string;
  /** Epoch ms, inclusive. */
  readonly since?: number;
  readonly stack?: string;
}

/** More steps than this, items among them, are not in lists. */
const MAX_LISTED_STEPS = 100;
/** Nor are steps of a longer plan or that say more, and the result in a longer row: characters of JSON, of each of up to 500 runs. */
const MAX_LISTED_TEXT = 256 * 1024;

/** What the other engine calls a status. */
const SYNONYMS: Readonly<Record<string, string>> = { pending: "queued", canceled: "cancelled" };

/** What a column of the list is in SQL. A change of the system has no name, owner or mode of its own; `workflow/run-view.ts` says what it shows. */
const NAME = `CASE engine WHEN 'plan' THEN row ->> '$.name'
  ELSE concat_ws(' ', kind, coalesce(row ->> '$.labels.stack', row ->> '$.labels.app'), row ->> '$.labels.service') END`;
const OWNER = "CASE engine WHEN 'plan' THEN row ->> '$.owner' ELSE 'orco' END";
const MODE = "CASE engine WHEN 'plan' THEN row ->> '$.mode' ELSE 'local' END";

type Param = string | number;
type Found = { readonly engine: string; readonly row: string };

/** Every run of either engine, as it is on disk. */
export class RunCatalogue {
  constructor(private readonly journal: Queryable) {}

  /** `not_found`. */
  get(id: string): RunView {
    const [found] = this.journal.query("SELECT engine, row FROM runs WHERE id = ?", [id]) as Found[];
    if (!found) throw noRun(id);
    return this.viewOf(found, () => true);
  }

  /** Of a record at hand. */
  viewOfPlan(run: RunRecord): RunView {
    return this.planView(run, () => true);
  }

  /** Newest first, strictly before the id `before`. */
  list({ limit, before = "~", status, ...filter }: RunsFilter & { limit: number; before?: string }): RunView[] {
    const synonym = status === undefined ? undefined : SYNONYMS[status];
    const statuses = status === undefined ? [undefined] : [status, ...(synonym === undefined ? [] : [synonym])];
    // One after the other, since each of them is in the order of an index.
    const found = statuses.flatMap((one) => this.rows({ ...filter, limit, before, ...(one !== undefined && { status: one }) }));
    const newest = found.toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit);
    return newest.map((row) => this.listed(row));
  }

  private rows({ limit, before, ...filter }: RunsFilter & { limit: number; before: string }): (Found & { id: string })[] {
    const conditions = conditionsOf(filter);
    const where = ["id < ?", ...conditions.map(([sql]) => sql)].join(" AND ");
    const params = [before, ...conditions.map(([, value]) => value), limit];
    return this.journal.query(`SELECT id, engine, row FROM runs WHERE ${where} ORDER BY id DESC LIMIT ?`, params) as (Found & {
      id: string;
    })[];
  }

  private listed({ engine, row }: Found): RunView {
    const view = this.viewOf({ engine, row }, (run) => this.isShort(run));
    if (row.length <= MAX_LISTED_TEXT) return withoutContent(view);
    const { result: _, ...short } = view;
    return withoutContent(short);
  }

  private viewOf({ engine, row }: Found, hasSteps: (run: string) => boolean): RunView {
    if (engine === "plan") return this.planView(JSON.parse(row) as RunRecord, hasSteps);
    const run = JSON.parse(row) as RunRow;
    return runView(run, hasSteps(run.id) ? this.stepsOf<StepRow>(run.id) : []);
  }

  private planView(run: RunRecord, hasSteps: (run: string) => boolean): RunView {
    if (!hasSteps(run.id)) return planRunView(run, [], new Map());
    return planRunView(run, this.orderOf(run.id), new Map(this.stepsOf<StepState>(run.id).map((step) => [step.id, step])));
  }

  /** Ids of its plan's steps; none without a plan. */
  private orderOf(run: string): string[] {
    const sql = "SELECT value ->> '$.id' AS id FROM run_plans, json_each(plan, '$.steps') WHERE run = ?";
    return (this.journal.query(sql, [run]) as { id: string }[]).map((step) => step.id);
  }

  /** Its steps, and what they say, are few enough for a list. */
  private isShort(run: string): boolean {
    const [rows] = this.journal.query("SELECT count(*) AS count FROM run_steps WHERE run = ?", [run]) as { count: number }[];
    const [plan] = this.journal.query("SELECT length(plan) AS length FROM run_plans WHERE run = ?", [run]) as { length: number }[];
    if ((rows?.count ?? 0) > MAX_LISTED_STEPS || (plan?.length ?? 0) > MAX_LISTED_TEXT) return false;
    const sql = `SELECT (SELECT count(*) FROM run_plans, json_each(plan, '$.steps') WHERE run = ?1)
        + (SELECT count(*) FROM run_steps WHERE run = ?1 AND name LIKE '%]') AS count,
      (SELECT sum(length(row)) FROM run_steps WHERE run = ?1) AS length`;
    const [all] = this.journal.query(sql, [run]) as { count: number; length: number | null }[];
    return (all?.count ?? 0) <= MAX_LISTED_STEPS && (all?.length ?? 0) <= MAX_LISTED_TEXT;
  }

  private stepsOf<T>(run: string): T[] {
    return rowsOf<T>(this.journal, "SELECT row FROM run_steps WHERE run = ? ORDER BY rowid", [run]);
  }
}

function conditionsOf({ status, kind, name, owner, mode, since, stack }: RunsFilter): (readonly [sql: string, value: Param])[] {
  const wanted: (readonly [string, Param | undefined])[] = [
    ["status = ?", status],
    ["kind = ?", kind],
    [`${NAME} = ?`, name],
    [`${OWNER} = ?`, owner],
    [`${MODE} = ?`, mode],
    ["created_at >= ?", since],
    ["row ->> '$.labels.stack' = ?", stack],
  ];
  return wanted.filter((one): one is readonly [string, Param] => one[1] !== undefined);
}
