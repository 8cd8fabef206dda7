import { Database } from "bun:sqlite";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { OrcoError } from "./errors.ts";
import { corrupt, journalError } from "./journal-errors.ts";

/** `orco` in ASCII, in the SQLite header: tells a journal from any other database. */
export const APPLICATION_ID = 0x6f72636f;

/** How long a lock of another program (`sqlite3 orco.db`, which after a crash may be the one that recovers the file) is waited for. It blocks the daemon meanwhile. */
export const BUSY_TIMEOUT_MS = 1000;

const SQLITE_MAGIC = "SQLite format 3\0";

/**
 * Looks at a journal through a read-only connection, which neither recovers nor checkpoints: a file that is refused
 * stays byte for byte as it was. Returns its schema version, 0 for a file that is absent or has no table yet.
 * `journal_corrupt`, `journal_newer`.
 */
export function inspect(path: string, supported: number): number {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return 0;
  if (!startsAsDatabase(path)) throw corrupt(path, "it does not begin as an SQLite database");
  const db = new Database(path, { readonly: true });
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return examine(db, path, supported);
  } catch (error) {
    throw journalError(error, path);
  } finally {
    db.close();
  }
}

function examine(db: Database, path: string, supported: number): number {
  const version = pragma(db, "user_version");
  const tables = one(db, "SELECT count(*) FROM sqlite_schema");
  if (version === 0 && tables === 0) return 0;
  if (pragma(db, "application_id") !== APPLICATION_ID) throw corrupt(path, "it is an SQLite database, but no journal of orco");
  if (typeof version === "number" && version > supported) {
    const message = `journal ${path} has schema version ${version}, this orco knows versions up to ${supported}: start the newer orco, or restore a backup from before the upgrade`;
    throw new OrcoError("journal_newer", message, { file: path, version, supported });
  }
  const verdict = pragma(db, "quick_check(1)");
  if (verdict !== "ok") throw corrupt(path, String(verdict).replaceAll("\n", " "));
  return typeof version === "number" ? version : 0;
}

function startsAsDatabase(path: string): boolean {
  const head = Buffer.alloc(SQLITE_MAGIC.length);
  const file = openSync(path, "r");
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  return head.toString("latin1") === SQLITE_MAGIC;
}

function pragma(db: Database, name: string): unknown {
  return one(db, `PRAGMA ${name}`);
}

function one(db: Database, sql: string): unknown {
  const statement = db.prepare(sql);
  try {
    return statement.values()[0]?.[0];
  } finally {
    // An open statement would keep the lock on the file after the connection is closed.
    statement.finalize();
  }
}
