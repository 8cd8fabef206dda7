import { Database } from "bun:sqlite";
import { chmodSync, closeSync, openSync, statSync } from "node:fs";
import { journalError } from "./journal-errors.ts";
import { APPLICATION_ID, BUSY_TIMEOUT_MS, inspect } from "./journal-inspect.ts";
import create from "./schema.sql" with { type: "text" };

export interface Schema {
  readonly version: number;
  /** Makes a new database at `version`. */
  readonly create: string;
  /** By the version they start from: SQL that leads to the next one. */
  readonly migrations: Readonly<Record<number, string>>;
}

const APPS = `CREATE TABLE apps (name TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_lane ON runs (lane, id)`;

const RUNS = `ALTER TABLE runs ADD COLUMN engine TEXT NOT NULL DEFAULT 'workflow';
DROP INDEX runs_by_status;
CREATE INDEX runs_by_status ON runs (status, id);
CREATE TABLE run_plans (run TEXT PRIMARY KEY, plan TEXT NOT NULL, input TEXT NOT NULL) STRICT;
CREATE TABLE run_checkpoints (run TEXT NOT NULL, id TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (run, id)) STRICT, WITHOUT ROWID;
CREATE TABLE run_signals (run TEXT NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, name)) STRICT;
CREATE TABLE schedules (id TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (id TEXT PRIMARY KEY, kind TEXT NOT NULL, run TEXT NOT NULL, due_at INTEGER NOT NULL, row TEXT NOT NULL) STRICT;
CREATE INDEX outbox_by_due ON outbox (kind, due_at);
CREATE INDEX outbox_by_run ON outbox (run);
CREATE TABLE idempotency (key TEXT PRIMARY KEY, row TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
CREATE INDEX idempotency_by_time ON idempotency (created_at)`;

const INFERENCE = `CREATE TABLE inference_tasks (id TEXT PRIMARY KEY, state TEXT NOT NULL, row TEXT NOT NULL, ended_at INTEGER) STRICT, WITHOUT ROWID;
CREATE INDEX inference_tasks_by_end ON inference_tasks (ended_at);
CREATE TABLE inference_pools (id TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE catalog_models (id TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT, WITHOUT ROWID`;

const REPAIR = `CREATE TABLE repairs (run TEXT PRIMARY KEY, lane TEXT NOT NULL, signature TEXT, ended_at INTEGER, row TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX repairs_by_lane ON repairs (lane, run)`;

export const SCHEMA: Schema = { version: 5, create, migrations: { 1: APPS, 2: RUNS, 3: INFERENCE, 4: REPAIR } };

/** The write-ahead log is cut back to this size when it was larger, e.g. after a long backup by another program. */
const WAL_LIMIT_BYTES = 16 * 1024 * 1024;

export interface Opened {
  readonly db: Database;
  /** Schema version before; 0 for a new file. */
  readonly from: number;
}

/** Opens the journal's database for writing, made or migrated to `schema.version`. `journal_corrupt`, `journal_newer`, `disk_full`, `internal`. */
export function openDatabase(path: string, schema: Schema = SCHEMA): Opened {
  let db: Database | undefined;
  try {
    const from = inspect(path, schema.version);
    keepPrivate(path);
    db = new Database(path, { create: true, readwrite: true, strict: true });
    configure(db);
    if (from !== schema.version) migrate(db, from, schema);
    return { db, from };
  } catch (error) {
    db?.close();
    throw journalError(error, path);
  }
}

/** What is stored includes the environment of services. SQLite gives the files it makes beside it the mode of the database. */
function keepPrivate(path: string): void {
  closeSync(openSync(path, "a", 0o600));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & 0o077) !== 0) chmodSync(file, 0o600);
  }
}

function configure(db: Database): void {
  db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run(`PRAGMA journal_size_limit = ${WAL_LIMIT_BYTES}`);
  db.run("PRAGMA temp_store = MEMORY");
}

/** All steps in one transaction: a crash or an error in between (the connection closes) leaves the old version. */
function migrate(db: Database, from: number, schema: Schema): void {
  db.run("BEGIN IMMEDIATE");
  if (from === 0) db.run(schema.create);
  else for (let version = from; version < schema.version; version++) db.run(stepFrom(version, schema));
  db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
  db.run(`PRAGMA user_version = ${schema.version}`);
  db.run("COMMIT");
}

function stepFrom(version: number, schema: Schema): string {
  const sql = schema.migrations[version];
  if (sql === undefined) throw new Error(`no migration leads from schema version ${version} to ${version + 1}`);
  return sql;
}
