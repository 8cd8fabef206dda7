import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Explanation } from "../../src/inference/placement/decide.ts";
import type { TaskView } from "../../src/inference/tasks/task.ts";
import { until } from "../until.ts";
import { expectRefusal, type Fields, planeOf, type Told } from "./inference-rig.ts";
import { ANSWER, RawEngine } from "./raw-engine.ts";

/** Where tasks go (inference.md, "Placement"). */

const plane = planeOf();
/** Engines of the pools a, b and c; c has two. */
let engines: RawEngine[];

beforeAll(async () => {
  engines = await Promise.all(
    Array.from({ length: 4 }, () =>
      RawEngine.start((socket, { json }) => void (String(json["prompt"]).startsWith("hold") || socket.end(ANSWER)), ["chain", "other"]),
    ),
  );
});
afterAll(() => engines.forEach((engine) => engine[Symbol.dispose]()));
beforeEach(async () => {
  for (const { asked, sockets } of engines) {
    sockets.splice(0).forEach((socket) => socket.end(ANSWER));
    asked.splice(0);
  }
  await plane.calm();
  const urls = engines.map(({ url }) => url);
  await plane.pool("a", urls[0] ?? "", { slots: 1 });
  await plane.pool("b", urls[1] ?? "", { slots: 2, engine: "openai" });
  await plane.pool("c", urls.slice(2), { slots: 2, models: ["other"], engine: "openai" });
});

const explain = async (task: Fields = {}): Promise<Explanation> => {
  const { status, body } = await plane.post<Explanation>("/v2/placement/explain", { model_ref: "chain", prompt: "go", ...task });
  expect(status).toBe(200);
  return body;
};
const place = async (task: Fields = {}): Promise<TaskView> => plane.ended((await plane.task(task)).task_id);
const pin = (pool: string): Fields => ({ placement: { mode: "pin", pin_pool_id: pool } });
const other = { model_ref: "other" };

/** Holds a slot until the next test begins. */
async function hold(more: Fields): Promise<TaskView> {
  const { task_id: id } = await plane.task({ prompt: "hold", cancel_on_disconnect: false, ...more });
  return plane.taskThat(id, ({ state }) => state === "running");
}

test("explain says where a task would go, what was weighed and what was not, and does nothing", async () => {
  const { pool, replica, reason, candidates, filtered } = await explain();
  expect([pool, replica]).toEqual(["a", "r0"]);
  expect(reason).toContain("least-loaded");
  expect(candidates.filter(({ replica: one }) => one === undefined).map(({ pool: one }) => one)).toEqual(["a", "b"]);
  expect(filtered).toContainEqual({ pool: "c", why: "model" });
  expect((await explain({ ...pin("c") })).pool).toBeNull();
  expect((await explain({ engine: "openai" })).pool).toBe("b");
  expect((await explain({ placement: { avoid_pools: ["a"] } })).pool).toBe("b");
  expect(engines.flatMap(({ asked }) => asked)).toEqual([]);
  expect(
    (await plane.get<{ tasks: unknown[] }>("/v2/tasks?limit=500")).body.tasks.filter((task) => (task as TaskView).state === "queued"),
  ).toEqual([]);
});

test("the least loaded takes it, for its size; of equals the first by id", async () => {
  expect((await place()).pool_id).toBe("a");
  await hold(pin("a"));
  expect((await place()).pool_id).toBe("b");
  await hold(pin("b"));
  expect((await place()).pool_id).toBe("b");
  await hold(pin("b"));
  expect((await place({ ...other })).replica_id).toBe("r0");
  const held = await hold(other);
  expect((await place({ ...other })).replica_id).not.toBe(held.replica_id);
});

test("a preferred pool before others; elsewhere only where that is allowed", async () => {
  const prefer = (pools: string[], more: Fields = {}): Fields => ({ placement: { mode: "prefer", prefer_pools: pools, ...more } });
  expect((await place(prefer(["b", "a"]))).pool_id).toBe("b");
  await hold(pin("b"));
  expect((await place(prefer(["b", "a"]))).pool_id).toBe("b");
  await plane.post("/v2/pools/b/drain", { deadline_ms: 60_000 });
  expect((await place(prefer(["b", "a"]))).pool_id).toBe("a");
  expect((await place(prefer(["b"]))).pool_id).toBe("a");
  const strict = await plane.ask(prefer(["b"], { allow_fallback: false }));
  expect(strict.status).toBe(503);
  expect(strict.body.code).toBeOneOf(["POOL_UNREADY", "POOL_UNAVAILABLE"]);
  expectRefusal(await plane.ask(prefer(["nowhere"], { allow_fallback: false })), { status: 503, code: "POOL_UNAVAILABLE" });
  expect((await place(prefer(["nowhere"]))).pool_id).toBe("a");
});

test("what cannot be is refused at once: a pin, an engine, nothing left after avoiding", async () => {
  for (const task of [pin("c"), pin("nowhere"), { engine: "tgi" }, { placement: { avoid_pools: ["a", "b"] } }])
    expectRefusal(await plane.ask(task), { status: 503, code: "POOL_UNAVAILABLE", retriable: true });
});

test("of the policy prefix a session comes back to its replica, until that has too much to do", async () => {
  await plane.pool(
    "c",
    engines.slice(2).map(({ url }) => url),
    { slots: 2, models: ["other"], policy: "prefix" },
  );
  const home = await place({ ...other, session_id: "s" });
  for (let n = 0; n < 3; n++) expect((await place({ ...other, session_id: "s", prompt: `turn ${n}` })).replica_id).toBe(home.replica_id);
  for (let n = 0; n < 2; n++) await hold({ ...other, session_id: "s" });
  expect((await place({ ...other, session_id: "s" })).replica_id).not.toBe(home.replica_id);
  const begin = "the same beginning ".repeat(100);
  const of = async (end: string): Promise<unknown> => (await place({ ...other, prompt: begin + end })).replica_id;
  expect(new Set([await of("one"), await of("two"), await of("three")]).size).toBe(1);
});

test("a full pool lets tasks wait in it: slots are asked for when they begin", async () => {
  const running = await hold(pin("a"));
  const { task_id: waits } = await plane.task(pin("a"));
  expect((await plane.get<TaskView>(`/v2/tasks/${waits}`)).body).toMatchObject({ state: "queued", pool_id: "a" });
  await plane.cancel(running.task_id);
  expect(await plane.ended(waits)).toMatchObject({ state: "completed" });
});

test("decisions are counted by how they went", async () => {
  const counts = async (): Promise<number[]> =>
    Promise.all(
      ["placed", "POOL_UNAVAILABLE", "MODEL_UNKNOWN"].map((outcome) => plane.metric(`placement_decisions_total{outcome="${outcome}"}`)),
    );
  const before = await counts();
  await place();
  await plane.ask(pin("nowhere"));
  await plane.ask({ model_ref: "nobody" });
  await until("them to be counted", async () =>
    Bun.deepEquals(
      await counts(),
      before.map((count) => count + 1),
    ),
  );
});

test("an engine is never sent more than it has slots for", async () => {
  const ids = await Promise.all(Array.from({ length: 12 }, (_, n) => plane.task({ ...other, prompt: `hold ${n}` })));
  await plane.poolThat("c", ({ queue_depth: depth }) => depth === 8);
  const sent = (): number[] => engines.slice(2).map(({ asked }) => asked.length);
  await until("what has a slot to be sent", () => sent().reduce((sum, count) => sum + count, 0) >= 4);
  expect(sent()).toEqual([2, 2]);
  const drop = async (): Promise<Told<Fields>[]> => Promise.all(ids.map(({ task_id: id }) => plane.cancel(id)));
  expect((await drop()).every(({ status }) => status === 204)).toBe(true);
});
