import type { Journal } from "../kernel/journal.ts";

const KEEP_MS = 24 * 3_600_000;
/** Old rows that go with each new one. */
const SWEPT = 8;

export interface StoredAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** As it is stored in `idempotency.row`. Without an answer it has only begun: in this daemon, or in one that did not live to see its end. */
export interface IdempotencyRow {
  /** Hash of query and body. */
  readonly request: string;
  readonly reserved: string;
  readonly answer?: StoredAnswer;
}

export class IdempotencyStore {
  constructor(private readonly journal: Pick<Journal, "query" | "append">) {}

  /** Not older than 24 h. */
  get(key: string, now: number): IdempotencyRow | undefined {
    const [found] = this.journal.query<{ row: string }>("SELECT row FROM idempotency WHERE key = ? AND created_at > ?", [
      key,
      now - KEEP_MS,
    ]);
    return found && (JSON.parse(found.row) as IdempotencyRow);
  }

  /** Resolves when it is on disk. What is too old goes on the way. */
  async put(key: string, row: IdempotencyRow, now: number): Promise<void> {
    const old = "SELECT key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT ?";
    await this.journal.append(
      [],
      [
        { sql: `DELETE FROM idempotency WHERE key IN (${old})`, params: [now - KEEP_MS, SWEPT] },
        {
          sql: "INSERT INTO idempotency (key, row, created_at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET row = excluded.row, created_at = excluded.created_at",
          params: [key, JSON.stringify(row), now],
        },
      ],
    );
  }
}
