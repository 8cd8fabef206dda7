import type { Entry } from "./entry.ts";
import { page } from "./page.ts";
import { call, serve, setting } from "./program.ts";

const API_URL = `http://127.0.0.1:${setting("API_PORT")}`;

function post(entry: unknown): Promise<Response> {
  return fetch(`${API_URL}/entries`, { method: "POST", body: JSON.stringify(entry), signal: AbortSignal.timeout(2000) });
}

serve("WEB_PORT", {
  "GET /healthz": () => Response.json({ ok: true }),
  "GET /": async () => {
    const html = page(await call<Entry[]>(`${API_URL}/entries`), crypto.randomUUID());
    return new Response(html, {
      headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'" },
    });
  },
  "GET /entries.json": async () => Response.json(await call<Entry[]>(`${API_URL}/entries`)),
  "POST /entries.json": async (request) => post(await request.json()),
  "POST /": async (request) => {
    const answer = await post(Object.fromEntries(await request.formData()));
    return answer.ok ? new Response(null, { status: 303, headers: { Location: "/" } }) : answer;
  },
});
