import { type AuditHead, type AuditRecord, GENESIS, hashOf, HEAD_KEY, headOf } from "./audit-record.ts";
import { OrcoError } from "./errors.ts";
import type { JournalEvent, JsonObject, NewEvent, Write } from "./event.ts";
import { AUDIT_TOPIC } from "./journal-topic.ts";
import { rfc3339 } from "./rfc3339.ts";
import type { Queryable } from "./rows.ts";

/** Records that wait for the one before them. */
const MAX_WAITING = 1000;

export interface NewAudit extends Pick<AuditRecord, "actor" | "action" | "subject" | "facts"> {
  /** Epoch ms. */
  readonly at: number;
}

/** A record and its number, from 1. */
export interface AuditEntry extends AuditRecord {
  readonly seq: number;
}

/**
 * Who did what, each record sealed by the hash of the one before it, on the topic `audit` of the journal. The only writer of that topic. A record's hash
 * is made when the one before it is on disk: one that could not be written leaves no gap.
 */
export class Audit {
  private head: AuditHead;
  private waiting = 0;
  private last: Promise<unknown> = Promise.resolve();

  /** Goes on after the newest record in the journal. */
  constructor(private readonly journal: Queryable) {
    this.head = newest(journal);
  }

  /**
   * Commits the record in one transaction with events and row writes that belong to it; resolves with the events as stored, the record's first.
   * `disk_full`, `internal`, `unavailable`: then nothing of it is on disk.
   */
  append(record: NewAudit, alongEvents: readonly NewEvent[] = [], writes: readonly Write[] = []): Promise<JournalEvent[]> {
    if (this.waiting >= MAX_WAITING)
      return Promise.reject(new OrcoError("unavailable", `the audit log is overloaded: ${this.waiting} records wait to be written`));
    this.waiting++;
    const done = this.last.then(() => this.write(record, alongEvents, writes)).finally(() => this.waiting--);
    this.last = done.catch(() => undefined);
    return done;
  }

  /** The newest first; `before`: only those with a lower number. */
  list({ before = Number.MAX_SAFE_INTEGER, limit }: { readonly before?: number; readonly limit: number }): readonly AuditEntry[] {
    const sql = "SELECT topic_seq AS seq, data FROM events WHERE topic = ? AND topic_seq < ? ORDER BY topic_seq DESC LIMIT ?";
    const rows = this.journal.query(sql, [AUDIT_TOPIC, before, limit]) as { seq: number; data: string }[];
    return rows.map(({ seq, data }) => ({ seq, ...(JSON.parse(data) as AuditRecord) }));
  }

  /** Whether there is a record of one of these actions on the subject. */
  has(subject: string, actions: readonly string[]): boolean {
    const marks = actions.map(() => "?").join(", ");
    const sql = `SELECT 1 FROM events WHERE topic = ? AND type IN (${marks}) AND data ->> '$.subject' = ? LIMIT 1`;
    return this.journal.query(sql, [AUDIT_TOPIC, ...actions, subject]).length > 0;
  }

  private async write({ at, ...record }: NewAudit, events: readonly NewEvent[], writes: readonly Write[]): Promise<JournalEvent[]> {
    const ts = Math.trunc(at);
    const sealed = seal({ at: rfc3339(ts), ...record, prev: this.head.hash });
    const head = { seq: this.head.seq + 1, hash: sealed.hash };
    const event = { topic: AUDIT_TOPIC, type: record.action, ts, data: sealed as unknown as JsonObject };
    const stored = await this.journal.append([event, ...events], [noteOf(head), ...writes]);
    this.head = head;
    return stored;
  }
}

/** As it will be read: what JSON does not keep is gone before it is hashed. */
function seal(record: Omit<AuditRecord, "hash">): AuditRecord {
  const plain = JSON.parse(JSON.stringify(record)) as Omit<AuditRecord, "hash">;
  return { ...plain, hash: hashOf(plain) };
}

function noteOf(head: AuditHead): Write {
  return {
    sql: "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    params: [HEAD_KEY, JSON.stringify(head)],
  };
}

/** What was noted, even where the log was cut since: then the next record does not fit on what is left, and that shows for good. */
function newest(journal: Queryable): AuditHead {
  return headOf(journal.query("SELECT value FROM meta WHERE key = ?", [HEAD_KEY])) ?? { seq: 0, hash: GENESIS };
}
