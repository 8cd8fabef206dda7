import type { Database, Statement } from "bun:sqlite";

export type Param = string | number | null;

/** Prepared statements kept. Callers write SQL with parameters, so there are far fewer different texts. */
const MAX_STATEMENTS = 256;

/** Every prepared statement of a connection, so that closing finds them all: SQLite keeps the file open while one is left. */
export class Statements {
  private readonly owned: Statement[] = [];
  /** By text; the least recently used one goes when there are too many. */
  private readonly kept = new Map<string, Statement<unknown, Param[]>>();

  constructor(private readonly db: Database) {}

  /** A statement its owner keeps until the end. */
  prepare<Row, Params extends Param[]>(sql: string): Statement<Row, Params> {
    const statement = this.db.prepare<Row, Param[]>(sql);
    this.owned.push(statement);
    return statement;
  }

  /** A statement of a caller's text. */
  get(sql: string): Statement<unknown, Param[]> {
    const statement = this.kept.get(sql) ?? this.db.prepare<unknown, Param[]>(sql);
    this.kept.delete(sql);
    this.kept.set(sql, statement);
    if (this.kept.size > MAX_STATEMENTS) this.evict();
    return statement;
  }

  close(): void {
    for (const statement of [...this.owned.splice(0), ...this.kept.values()]) statement.finalize();
    this.kept.clear();
  }

  private evict(): void {
    const [oldest] = this.kept;
    if (!oldest) return;
    oldest[1].finalize();
    this.kept.delete(oldest[0]);
  }
}
