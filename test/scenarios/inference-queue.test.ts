import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Accepted } from "../../src/inference/tasks/task.ts";
import { until } from "../until.ts";
import { type Fields, planeOf } from "./inference-rig.ts";
import { ANSWER, RawEngine } from "./raw-engine.ts";

/** Order, places and shares in the queue of one pool (inference.md, "Admission" and "Queue"). */

const AGEING_MS = 2500;
const plane = planeOf({ ORCHD_AGEING_MS: String(AGEING_MS), ORCHD_ADMISSION_CAPACITY: "6" });
/** Holds each request until the test lets it go. */
let engine: RawEngine;
let first: number;

beforeAll(async () => {
  engine = await RawEngine.start(() => undefined);
  await plane.pool("p", engine.url, { slots: 1 });
});
afterAll(() => engine[Symbol.dispose]());
beforeEach(async () => {
  await plane.calm();
  first = engine.asked.length;
});

/** Prompts in the order in which the engine got them, which ends each at once. */
async function order(count: number): Promise<unknown[]> {
  for (let n = first; n < first + count; n++) {
    await until(`request ${n - first}`, () => engine.sockets[n]);
    engine.sockets[n]?.end(ANSWER);
  }
  return engine.asked.slice(first).map(({ json }) => json["prompt"]);
}

const asked = (): Promise<unknown> => until("the engine to be asked", () => engine.asked.length > first);
const post = (prompt: string, more: Fields = {}): Promise<Accepted> => plane.task({ prompt, ...more });

test("202 says all that is promised, and started says the same", async () => {
  const { status, body, headers } = await plane.ask<Accepted>({ prompt: "one" });
  expect(status).toBe(202);
  const id = body.task_id;
  expect(headers.get("location")).toBe(`/v2/tasks/${id}`);
  const path = `/v2/tasks/${id}/events`;
  expect(body).toEqual({
    job_id: id,
    task_id: id,
    queue_position: 0,
    predicted_start_ms: 0,
    backoff_ms: 0,
    streams: { sse: path, sse_verbose: `${path}?verbose=true` },
    preparation: { steps: [] },
  });
  const own = crypto.randomUUID();
  const second = await post("two", { task_id: own });
  expect(second).toMatchObject({ job_id: own, task_id: own, queue_position: 0, backoff_ms: 0 });
  expect(second.predicted_start_ms).toBeGreaterThan(0);
  const third = await post("three");
  expect(third.queue_position).toBe(1);
  expect(third.predicted_start_ms).toBeGreaterThanOrEqual(second.predicted_start_ms);
  expect((await plane.get(`/v2/tasks/${third.task_id}`)).body).toMatchObject({
    state: "queued",
    queue_position: 1,
    pool_id: "p",
    replica_id: null,
    tokens_out: 0,
  });
  expect(await order(3)).toEqual(["one", "two", "three"]);
  const { queue_position: position, predicted_start_ms: predicted } = third;
  const tape = await plane.events(third.task_id);
  await tape.over;
  expect(tape.frames[0]).toMatchObject({ event: "started", data: { queue_position: position, predicted_start_ms: predicted } });
  const done = await plane.ended(third.task_id);
  expect(done).toMatchObject({ state: "completed", replica_id: "r0", tokens_out: 1, finish_reason: "stop" });
  expect(done).not.toHaveProperty("queue_position");
});

test("interactive strictly before batch, first come first served within each, whatever the positions were at first", async () => {
  await post("runs");
  await asked();
  const batch = await post("b1", { priority: "batch" });
  expect(batch.queue_position).toBe(0);
  const places = [await post("b2", { priority: "batch" }), await post("i1"), await post("i2")].map((each) => each.queue_position);
  expect(places).toEqual([1, 0, 1]);
  expect((await plane.get(`/v2/tasks/${batch.task_id}`)).body["queue_position"]).toBe(2);
  expect(await order(5)).toEqual(["runs", "i1", "i2", "b1", "b2"]);
});

test("a batch task that has waited long enough is no longer overtaken", async () => {
  await post("runs");
  await asked();
  const began = performance.now();
  const { task_id: old } = await post("old", { priority: "batch" });
  await post("before");
  await until("it to ripen", () => performance.now() - began > AGEING_MS + 20);
  expect((await post("after")).queue_position).toBe(2);
  expect((await plane.get(`/v2/tasks/${old}`)).body["queue_position"]).toBe(0);
  expect(await order(4)).toEqual(["runs", "old", "before", "after"]);
});

test("sessions share a class fairly: the one that asks once does not wait for the one that asks often", async () => {
  await post("runs");
  await asked();
  for (let n = 0; n < 4; n++) await post(`a${n}`, { session_id: "a" });
  expect((await post("b", { session_id: "b" })).queue_position).toBe(1);
  expect(await order(6)).toEqual(["runs", "a0", "b", "a1", "a2", "a3"]);
});

test("users of the OpenAI surface share as well, and a session counts where no user is named", async () => {
  await post("runs");
  await asked();
  for (let n = 0; n < 3; n++) await post(`a${n}`, { session_id: "a" });
  const answers = ["u", "v"].map((user) => plane.v1("/completions", { model: "chain", prompt: user, user }));
  await plane.poolThat("p", ({ queue_depth: depth }) => depth === 5);
  const got = await order(6);
  expect(got.slice(0, 2)).toEqual(["runs", "a0"]);
  expect(new Set(got.slice(2, 4))).toEqual(new Set(["u", "v"]));
  expect(got.slice(4)).toEqual(["a1", "a2"]);
  for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
});

test("a task that is canceled in the queue leaves it, and those behind it move up", async () => {
  await post("runs");
  await asked();
  const [one, two] = [await post("one"), await post("two")];
  const tape = await plane.events(one.task_id);
  expect((await plane.cancel(one.task_id)).status).toBe(204);
  expect((await plane.get(`/v2/tasks/${two.task_id}`)).body["queue_position"]).toBe(0);
  await tape.over;
  expect(tape.frames).toMatchObject([{ event: "error", data: { code: "CANCELED", retriable: false } }]);
  expect(await order(2)).toEqual(["runs", "two"]);
});

test("a deadline that passes in the queue ends the task there", async () => {
  await post("runs", { expected_tokens: 1 });
  await asked();
  const { task_id: late } = await post("late", { deadline_ms: 60_000 });
  const began = performance.now();
  const { task_id: soon } = await post("soon", { deadline_ms: 3000 });
  const view = await plane.ended(soon);
  expect(view).toMatchObject({ state: "failed", error: { code: "DEADLINE_UNMET" } });
  expect(performance.now() - began).toBeGreaterThan(2500);
  expect(await order(2)).toEqual(["runs", "late"]);
  expect(await plane.ended(late)).toMatchObject({ state: "completed" });
});

test("capacity counts what waits in this pool, of both classes; a refused task leaves no trace", async () => {
  await post("runs");
  await asked();
  for (let n = 0; n < 6; n++) await post(`w${n}`, { priority: n % 2 ? "batch" : "interactive" });
  const id = crypto.randomUUID();
  expect((await plane.ask({ task_id: id, session_id: "fresh" })).status).toBe(429);
  expect((await plane.get(`/v2/tasks/${id}`)).status).toBe(404);
  await plane.pool("other", engine.url, { slots: 1, models: ["chain"] });
  const pinned = { placement: { mode: "pin", pin_pool_id: "other" } };
  const elsewhere = await post("elsewhere", pinned);
  expect(elsewhere.queue_position).toBe(0);
  expect((await order(8)).map(String).toSorted()).toEqual(["elsewhere", "runs", "w0", "w1", "w2", "w3", "w4", "w5"]);
  await plane.ended(elsewhere.task_id);
  await plane.call("DELETE", "/v2/pools/other");
});
