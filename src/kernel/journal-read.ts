import type { JournalEvent, JsonObject, ReadQuery } from "./event.ts";
import { corrupt, journalError } from "./journal-errors.ts";
import type { Statements } from "./journal-statements.ts";
import { rangeOf, topicFilter } from "./journal-topic.ts";

/** Events of a page unless the query says otherwise. */
export const PAGE = 500;

interface EventRow {
  readonly seq: number;
  readonly topic: string;
  readonly topicSeq: number;
  readonly type: string;
  readonly ts: number;
  readonly data: string;
}

const COLUMNS = "seq, topic, topic_seq AS topicSeq, type, ts, data";

/** Pages of events from disk. */
export class Reader {
  private readonly sql: ReturnType<typeof prepare>;

  constructor(
    statements: Statements,
    private readonly path: string,
  ) {
    this.sql = prepare(statements);
  }

  /** Oldest first. `journal_corrupt` when a page of the file turns out to be damaged. */
  read(query: ReadQuery): JournalEvent[] {
    try {
      return this.rows(query).map((row) => ({ ...row, data: this.parse(row) }));
    } catch (error) {
      throw journalError(error, this.path);
    }
  }

  private rows({ topic, after = 0, limit = PAGE }: ReadQuery): EventRow[] {
    const filter = topicFilter(topic);
    if (filter.kind === "all") return this.sql.all.all(after, limit);
    if (filter.kind === "exact") return this.sql.exact.all(filter.topic, after, limit);
    const { low, high } = rangeOf(filter.prefix);
    return this.sql.prefix.all(after, low, high, limit);
  }

  private parse(row: EventRow): JsonObject {
    try {
      return JSON.parse(row.data);
    } catch {
      throw corrupt(this.path, `the data of event ${row.seq} cannot be read`);
    }
  }
}

function prepare(statements: Statements) {
  return {
    all: statements.prepare<EventRow, [number, number]>(`SELECT ${COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`),
    exact: statements.prepare<EventRow, [string, number, number]>(
      `SELECT ${COLUMNS} FROM events WHERE topic = ? AND topic_seq > ? ORDER BY topic_seq LIMIT ?`,
    ),
    // NOT INDEXED: by topic it would collect and sort every match before giving the first page.
    prefix: statements.prepare<EventRow, [number, string, string, number]>(
      `SELECT ${COLUMNS} FROM events NOT INDEXED WHERE seq > ? AND topic >= ? AND topic < ? ORDER BY seq LIMIT ?`,
    ),
  };
}
