import { Database } from "bun:sqlite";
import { type AuditHead, type AuditRecord, GENESIS, hashOf, HEAD_KEY, headOf } from "./audit-record.ts";
import { OrcoError } from "./errors.ts";
import { journalError } from "./journal-errors.ts";
import { inspect } from "./journal-inspect.ts";
import { SCHEMA } from "./journal-schema.ts";
import { AUDIT_TOPIC } from "./journal-topic.ts";

const PAGE = 500;
const FIELDS = "action,actor,at,facts,hash,prev,subject";

export interface AuditVerdict {
  readonly records: number;
  /** Hash of the newest. Noted elsewhere, it also tells a log that somebody made anew from its beginning. */
  readonly head: string;
}

type Query = (sql: string, params: readonly (string | number)[]) => readonly unknown[];

interface Stored {
  readonly seq: number;
  /** Its number among all events. */
  readonly place: number;
  readonly type: string;
  readonly ts: number;
  /** The text of the record. */
  readonly data: string;
}

/** Where a chain has come to. */
interface At extends AuditHead {
  readonly place: number;
}

/**
 * Follows the chain from its beginning: every byte of every record and its row, none missing, none too many, in order. `query` reads rows, as `Journal.query` does.
 * Throws `audit_broken` (facts: seq, the number of the first record that does not hold, and why).
 */
export function verifyAudit(query: Query): AuditVerdict {
  const noted = headOf(query("SELECT value FROM meta WHERE key = ?", [HEAD_KEY]));
  let at: At = { seq: 0, hash: GENESIS, place: 0 };
  for (;;) {
    const sql =
      "SELECT topic_seq AS seq, seq AS place, type, ts, data FROM events WHERE topic = ? AND topic_seq > ? ORDER BY topic_seq LIMIT ?";
    const page = query(sql, [AUDIT_TOPIC, at.seq, PAGE]) as readonly Stored[];
    for (const one of page) at = { seq: at.seq + 1, hash: proven(one, at), place: one.place };
    if (page.length === PAGE) continue;
    assertEnd(at, noted);
    return { records: at.seq, head: at.hash };
  }
}

/** Of a database file, whether or not a daemon writes to it: it is only read. `not_found`, `journal_corrupt`, `journal_newer`, `audit_broken`. */
export function verifyAuditFile(path: string): AuditVerdict {
  if (inspect(path, SCHEMA.version) === 0) throw new OrcoError("not_found", `there is no journal of orco at ${path}`, { file: path });
  const db = new Database(path, { readonly: true });
  try {
    return verifyAudit((sql, params) => rowsOf(db, sql, params));
  } catch (error) {
    throw journalError(error, path);
  } finally {
    db.close();
  }
}

function rowsOf(db: Database, sql: string, params: readonly (string | number)[]): readonly unknown[] {
  const statement = db.prepare(sql);
  try {
    return statement.all(...params);
  } finally {
    // An open statement would keep the lock on the file after the connection is closed.
    statement.finalize();
  }
}

/** Its hash. */
function proven({ seq, place, type, ts, data }: Stored, before: At): string {
  const due = before.seq + 1;
  if (seq !== due) throw broken(due, `record ${due} is missing`);
  const record = parsed(data);
  if (!record || Object.keys(record).toSorted().join() !== FIELDS || JSON.stringify(record) !== data || record.action !== type)
    throw broken(seq, `record ${seq} was changed: it is not as it was written`);
  if (hashOf(record) !== record.hash) throw broken(seq, `record ${seq} was changed: its hash does not fit`);
  if (record.prev !== before.hash)
    throw broken(seq, `record ${seq} does not follow the one before it: something was removed, put in or moved here`);
  if (Date.parse(record.at) !== ts) throw broken(seq, `record ${seq} was changed: its time is not the one it was written with`);
  if (place <= before.place) throw broken(seq, `record ${seq} was moved: it stands before the one that it follows`);
  return record.hash;
}

function assertEnd(end: AuditHead, noted: AuditHead | undefined): void {
  if (!noted && end.seq === 0) return;
  if (noted?.seq === end.seq && noted.hash === end.hash) return;
  const seq = Math.max(1, Math.min(end.seq + 1, noted?.seq ?? end.seq));
  throw broken(seq, `the log ends with record ${end.seq}, which is not the one that was noted as the newest (${noted?.seq ?? "none"})`);
}

function parsed(data: string): AuditRecord | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null ? (value as AuditRecord) : undefined;
  } catch {
    return undefined;
  }
}

function broken(seq: number, why: string): OrcoError {
  return new OrcoError("audit_broken", `the audit log does not hold: ${why}. Compare with a backup of orco.db`, { seq, why });
}
