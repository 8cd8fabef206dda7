import type { EventLog } from "./event.ts";

/** The journal with its projections: rows by SQL, as `kernel/journal.ts` offers them. */
export interface Queryable extends EventLog {
  query(sql: string, params?: readonly (string | number | null)[]): unknown[];
}

/** What the column `row` of each row found holds as JSON. */
export function rowsOf<T>(journal: Pick<Queryable, "query">, sql: string, params: readonly (string | number | null)[] = []): T[] {
  return (journal.query(sql, params) as { row: string }[]).map(({ row }) => JSON.parse(row) as T);
}
