import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { log, setting } from "./program.ts";

const STEPS = [
  "CREATE TABLE entries (key TEXT PRIMARY KEY, name TEXT NOT NULL, message TEXT NOT NULL, at TEXT NOT NULL) STRICT",
  "CREATE INDEX entries_at ON entries (at)",
  "CREATE TABLE archive (key TEXT PRIMARY KEY, name TEXT NOT NULL, message TEXT NOT NULL, at TEXT NOT NULL) STRICT",
];

mkdirSync(setting("DATA_DIR"), { recursive: true });
const db = new Database(join(setting("DATA_DIR"), "guestbook.db"), { create: true, strict: true });
db.run("PRAGMA journal_mode = WAL");
const { user_version: version } = db.query<{ user_version: number }, []>("PRAGMA user_version").get() ?? { user_version: 0 };
db.transaction(() => {
  for (const step of STEPS.slice(version)) db.run(step);
  db.run(`PRAGMA user_version = ${STEPS.length}`);
})();
db.close();
log("info", `schema at ${STEPS.length}, ${STEPS.length - version} steps applied`);
