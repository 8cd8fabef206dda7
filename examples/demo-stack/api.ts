import { checkEntry, type Entry } from "./entry.ts";
import { call, serve, setting } from "./program.ts";

const DB_URL = `http://127.0.0.1:${setting("DB_PORT")}`;

serve("PORT", {
  "GET /health": async () => {
    const { ok } = await call<{ ok: boolean }>(`${DB_URL}/health`);
    return Response.json({ db: ok ? "ok" : "empty" }, { status: ok ? 200 : 503 });
  },
  "GET /entries": async () => Response.json(await call<Entry[]>(`${DB_URL}/entries`)),
  "POST /entries": async (request) => {
    const entry = checkEntry(await request.json());
    if (typeof entry === "string") return Response.json({ error: entry }, { status: 422 });
    const stored = await call<{ stored: boolean }>(`${DB_URL}/entries`, { method: "POST", body: JSON.stringify(entry) });
    return Response.json(stored, { status: stored.stored ? 201 : 200 });
  },
});
