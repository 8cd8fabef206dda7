import { afterEach, beforeEach, expect, test } from "bun:test";
import { Sessions } from "../inference/sessions/sessions.ts";
import { FakeClock } from "../kernel/clock.ts";
import { ANSWERS } from "./answers.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";

let clock: FakeClock;
let sessions: Sessions;
let server: TestServer;

beforeEach(() => {
  clock = new FakeClock();
  sessions = new Sessions({ clock, ttlMs: 600_000 });
  server = startTestServer(clock);
  Object.assign(server.daemon, { inference: { sessions } });
});

afterEach(() => server.dispose());

async function ask(method: string, id: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers = { accept: "application/json", ...(body && { "content-type": "application/json" }) };
  const response = await fetch(`${server.url}/v2/sessions/${id}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

test("a session is given limits, shown, and forgotten", async () => {
  const put = await ask("PUT", "chat-1", { ttl_ms: 60_000, max_turns: 2, tokens_budget: 100, time_budget_ms: 5000, cost_budget: 1.5 });
  expect(put.status).toBe(200);
  expect(ANSWERS.Session.parse(put.body)).toEqual({
    ttl_ms_remaining: 60_000,
    turns: 0,
    kv_bytes: 0,
    kv_warmth: 0,
    tokens_budget_remaining: 100,
    time_budget_remaining_ms: 5000,
    cost_budget_remaining: 1.5,
  });
  sessions.admit("chat-1");
  sessions.ended("chat-1", { tokens: 40, ms: 700, delivered: true, replica: "p/r" });
  expect((await ask("GET", "chat-1")).body).toMatchObject({ turns: 1, kv_warmth: 1, tokens_budget_remaining: 60 });
  expect((await ask("DELETE", "chat-1")).status).toBe(204);
  for (const method of ["GET", "DELETE"]) {
    const gone = await ask(method, "chat-1");
    expect([gone.status, gone.body["code"], gone.body["retriable"]]).toEqual([404, "NOT_FOUND", false]);
  }
});

test("what is out of range is refused and changes nothing", async () => {
  for (const body of [{ ttl_ms: 600_001 }, { ttl_ms: 0 }, { max_turns: -1 }, { tokens_budget: 1.5 }, { turns: 3 }, { cost_budget: "1" }]) {
    const { status, body: problem } = await ask("PUT", "chat-1", body);
    expect([JSON.stringify(body), status, problem["code"]]).toEqual([JSON.stringify(body), 400, "INVALID_PARAMS"]);
  }
  expect((await ask("GET", "chat-1")).status).toBe(404);
  expect((await ask("PUT", "chat-1", { ttl_ms: 600_000 })).status).toBe(200);
});
