import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { Entry, NewEntry } from "./entry.ts";
import { log, serve, setting } from "./program.ts";

const db = new Database(join(setting("DATA_DIR"), "guestbook.db"), { strict: true });
db.run("PRAGMA synchronous = FULL");
const insert = db.query<null, [string, string, string, string]>("INSERT INTO entries VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
const newest = db.query<Entry, [number]>("SELECT * FROM entries ORDER BY at DESC, key LIMIT ?");
const count = db.query<{ entries: number; archived: number }, []>(
  "SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM archive) AS archived",
);
const OLD = "SELECT key FROM entries ORDER BY at DESC, key LIMIT -1 OFFSET ?";

const archive = db.transaction((keep: number) => {
  db.query(`INSERT OR IGNORE INTO archive SELECT * FROM entries WHERE key IN (${OLD})`).run(keep);
  return db.query(`DELETE FROM entries WHERE key IN (${OLD})`).run(keep).changes;
});

serve("DB_PORT", {
  "GET /health": () => Response.json({ ok: count.get() !== null }),
  "GET /entries": () => Response.json(newest.all(50)),
  "GET /count": () => Response.json(count.get()),
  "POST /entries": async (request) => {
    const { key, name, message } = (await request.json()) as NewEntry;
    const { changes } = insert.run(key, name, message, new Date().toISOString());
    if (changes > 0) log("info", `stored ${key}`, { name });
    return Response.json({ key, stored: changes > 0 }, { status: changes > 0 ? 201 : 200 });
  },
  "POST /archive": async (request) => {
    const { keep } = (await request.json()) as { keep: number };
    return Response.json({ archived: archive.immediate(keep) });
  },
});
