import type { Write } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import type { RunRecord } from "./record.ts";

/** As it is stored in `outbox.row`. */
export interface OwedWebhook {
  readonly run: string;
  /** In its normal form. */
  readonly url: string;
  /** A variable of the daemon's environment that holds the secret. */
  readonly secretEnv?: string;
  /** That have failed. */
  readonly tries: number;
}

export interface OwedRow extends OwedWebhook {
  /** Stable over tries: the receiver knows repeated deliveries by it. */
  readonly id: string;
}

/** What the book writes in the transaction in which a run ends; nothing when it has no webhook. */
export function webhookWrites({ id, webhook }: Pick<RunRecord, "id" | "webhook">, now: number): Write[] {
  if (!webhook) return [];
  const row: OwedWebhook = { run: id, ...webhook, tries: 0 };
  return [
    {
      sql: "INSERT OR IGNORE INTO outbox (id, kind, run, due_at, row) VALUES (?, 'webhook', ?, ?, ?)",
      params: [`webhook-${id}`, id, now, JSON.stringify(row)],
    },
  ];
}

/** Rows looked through for one to send. */
const MAX_SCAN = 500;

/** Rows put off at once. */
const MAX_RESTED = 2000;

/** What is owed, read from the table; nothing is kept in memory. */
export class WebhookOutbox {
  constructor(private readonly journal: Pick<Journal, "query">) {}

  /** Of those due at `at` the one due longest, but none of `sending` (ids) and none to a URL that begins with one of `busy`. */
  next({ at, sending, busy }: { at: number; sending: readonly string[]; busy: readonly string[] }): OwedRow | undefined {
    const sql = `SELECT id, row FROM (SELECT id, row, due_at FROM outbox WHERE kind = 'webhook' AND due_at <= ? ORDER BY due_at LIMIT ?)
      WHERE id NOT IN (SELECT value FROM json_each(?))
      AND NOT EXISTS (SELECT 1 FROM json_each(?) AS busy WHERE substr(json_extract(row, '$.url'), 1, length(busy.value)) = busy.value)
      ORDER BY due_at LIMIT 1`;
    const params = [at, MAX_SCAN, JSON.stringify(sending), JSON.stringify(busy)];
    const [found] = this.journal.query<{ id: string; row: string }>(sql, params);
    return found && { id: found.id, ...(JSON.parse(found.row) as OwedWebhook) };
  }

  /** Epoch ms after `now`; undefined when nothing waits for its time. */
  nextDue(now: number): number | undefined {
    const sql = "SELECT min(due_at) AS at FROM outbox WHERE kind = 'webhook' AND due_at > ?";
    return this.journal.query<{ at: number | null }>(sql, [now])[0]?.at ?? undefined;
  }
}

export function laterWrite({ id, ...row }: OwedRow, dueAt: number): Write {
  return { sql: "UPDATE outbox SET row = ?, due_at = ? WHERE id = ?", params: [JSON.stringify(row), dueAt, id] };
}

/** Others that are due at a host that fails wait too, and those behind them get their turn; nobody's tries are spent. */
export function restWrite(origin: string, { now, until }: { now: number; until: number }): Write {
  const sql = `UPDATE outbox SET due_at = ? WHERE id IN (SELECT id FROM outbox WHERE kind = 'webhook' AND due_at <= ?
    AND substr(json_extract(row, '$.url'), 1, ?) = ? ORDER BY due_at LIMIT ?)`;
  return { sql, params: [until, now, origin.length, origin, MAX_RESTED] };
}

/** How URLs of one host begin. */
export function originOf({ url }: Pick<OwedWebhook, "url">): string {
  return `${URL.parse(url)?.origin ?? url}/`;
}

export function settledWrite(id: string): Write {
  return { sql: "DELETE FROM outbox WHERE id = ?", params: [id] };
}
