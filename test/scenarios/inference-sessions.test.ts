import { afterAll, beforeAll, expect, test } from "bun:test";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import type { SessionView } from "../../src/inference/sessions/session.ts";
import { until } from "../until.ts";
import { expectRefusal, type Fields, planeOf, type Problem, type Told } from "./inference-rig.ts";

/** Sessions over the wire (inference.md, "Sessions"). */

const TTL_MS = 5000;
const plane = planeOf({ ORCHD_SESSION_TTL_MS: String(TTL_MS) });
const engine = new EngineRig({ slots: 4, tokensPerS: 100 });
beforeAll(() => plane.pool("p", engine.engine.url, { slots: 4 }));
afterAll(() => engine.engine.stop());

const view = (id: string): Promise<Told<SessionView>> => plane.get(`/v2/sessions/${id}`);
const put = (id: string, limits: Fields): Promise<Told<SessionView>> => plane.call("PUT", `/v2/sessions/${id}`, { json: limits });
const ask = (session: string, more: Fields = {}): Promise<Told<Problem>> => plane.ask({ session_id: session, max_tokens: 1, ...more });

async function through(session: string, more: Fields = {}): Promise<void> {
  const { status, body } = await ask(session, more);
  expect(status).toBe(202);
  expect(await plane.ended(String(body["task_id"]))).toMatchObject({ state: "completed" });
}

function expectSpent(reply: Told<Problem>, label: string): void {
  expectRefusal(reply, { status: 429, code: "ADMISSION_REJECT", retriable: false, policy_label: label });
  for (const header of ["retry-after", "x-backoff-ms"]) expect(reply.headers.get(header)).toBeNull();
  expect(reply.body).not.toHaveProperty("retry_after_ms");
}

test("a task makes its session; used it lives on, unused it is forgotten; DELETE ends it", async () => {
  expect((await view("s1")).status).toBe(404);
  await through("s1");
  const { body } = await view("s1");
  expect(Object.keys(body).toSorted()).toEqual([
    "cost_budget_remaining",
    "kv_bytes",
    "kv_warmth",
    "time_budget_remaining_ms",
    "tokens_budget_remaining",
    "ttl_ms_remaining",
    "turns",
  ]);
  expect(body).toMatchObject({ turns: 1, tokens_budget_remaining: null, time_budget_remaining_ms: null, cost_budget_remaining: null });
  expect(body.ttl_ms_remaining).toBeGreaterThan(0);
  expect(body.ttl_ms_remaining).toBeLessThanOrEqual(TTL_MS);
  await put("s1", { max_turns: 100 });
  const began = performance.now();
  while (performance.now() - began < TTL_MS * 1.5) await through("s1", { max_tokens: 10 });
  expect((await view("s1")).status).toBe(200);
  await until("it to be forgotten", async () => (await view("s1")).status === 404, 30_000);
  await put("s2", { ttl_ms: 600_000 });
  expect((await plane.call("DELETE", "/v2/sessions/s2")).status).toBe(204);
  expect((await view("s2")).status).toBe(404);
  expect((await plane.call("DELETE", "/v2/sessions/s2")).status).toBe(404);
});

test("eight turns, where nobody says otherwise", async () => {
  await put("turns", { ttl_ms: 60_000 });
  for (let n = 0; n < 8; n++) await through("turns");
  expectSpent(await ask("turns"), "session_turns");
  expect((await view("turns")).body.turns).toBe(8);
  await put("turns", { max_turns: 9 });
  const two = await Promise.all([ask("turns"), ask("turns")]);
  expect(new Set(two.map(({ status }) => status))).toEqual(new Set([202, 429]));
});

test("tokens, time and cost are counted down, and refuse when nothing is left", async () => {
  await put("tokens", { tokens_budget: 12, ttl_ms: 60_000 });
  await through("tokens", { max_tokens: 5 });
  const left = (await view("tokens")).body.tokens_budget_remaining ?? NaN;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(7);
  await through("tokens", { max_tokens: 10 });
  expect((await view("tokens")).body.tokens_budget_remaining).toBe(0);
  expectSpent(await ask("tokens"), "session_tokens");
  await put("time", { time_budget_ms: 100, ttl_ms: 60_000 });
  await through("time", { max_tokens: 20 });
  expect((await view("time")).body.time_budget_remaining_ms).toBe(0);
  expectSpent(await ask("time"), "session_time");
  await put("cost", { cost_budget: 0 });
  expectSpent(await ask("cost"), "session_cost");
});

test("ten minutes at most, and nothing that is no limit", async () => {
  for (const [limits, pointer] of [
    [{ ttl_ms: 600_001 }, "/ttl_ms"],
    [{ ttl_ms: "1" }, "/ttl_ms"],
    [{ max_turns: -1 }, "/max_turns"],
    [{ turns: 1 }, "/turns"],
  ] as const) {
    const reply = (await put("bad", limits)) as unknown as Told<Problem>;
    expectRefusal(reply, { status: 400, code: "INVALID_PARAMS", retriable: false, errors: [expect.objectContaining({ pointer })] });
  }
  expect((await view("bad")).status).toBe(404);
});

test("a turn that brought nothing is given back", async () => {
  await put("back", { max_turns: 1, ttl_ms: 60_000 });
  const blocked = await plane.task({ session_id: "back", prompt: "x-mock: hang" });
  await plane.taskThat(blocked.task_id, ({ state }) => state === "running");
  expectSpent(await ask("back"), "session_turns");
  await plane.cancel(blocked.task_id);
  expect((await view("back")).body.turns).toBe(0);
  await through("back");
});
