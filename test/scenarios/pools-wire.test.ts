import { expect, test } from "bun:test";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import type { PoolView } from "../../src/inference/pools/pool.ts";
import { freePort } from "../free-port.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { scenario, sharedRig } from "./rig.ts";

const rig = sharedRig({ ENGINE_KEY: "sk-of-the-engine", EMPTY_KEY: "" });
const api = new InferenceCalls(rig);
await rig.serve();

function mock(id: string, url: string, more: object = {}) {
  return { id, engine: "mock", replicas: [{ id: "a", url, ...more }] };
}

test("a pool is registered, asked how it is before it is answered, changed, and removed", async () => {
  using engine = new EngineRig({ models: ["chain", "other"] });
  const { url } = engine.engine;
  const made = await api.call<PoolView>("POST", "/v2/pools", mock("p1", `${url}/v1/`, { slots: 3, vram_total_bytes: 1000 }));
  expect(made.status).toBe(201);
  expect(made.headers.get("location")).toBe("/v2/pools/p1");
  expect(made.body).toEqual({
    id: "p1",
    engine: "mock",
    models: ["chain", "other"],
    source: "api",
    ready: true,
    draining: false,
    queue_depth: 0,
    slots_total: 3,
    slots_free: 3,
    replicas: [{ id: "a", url, ready: true, draining: false, slots_total: 3, slots_free: 3, vram_total_bytes: 1000, breaker: "closed" }],
  });
  expect(await api.ended(await api.task({ model_ref: "chain" }))).toMatchObject({ state: "completed", pool_id: "p1", replica_id: "a" });
  expect((await api.call("POST", "/v2/pools", mock("p1", url))).body).toMatchObject({ status: 409, code: "CONFLICT" });
  const put = await api.call<PoolView>("PUT", "/v2/pools/p1", {
    engine: "mock",
    models: ["other"],
    policy: "prefix",
    replicas: [{ id: "b", url }],
  });
  expect(put.status).toBe(200);
  expect(put.body).toMatchObject({ models: ["other"], policy: "prefix", replicas: [{ id: "b", ready: true }] });
  expect(await api.health("p1")).toEqual({
    live: true,
    ready: true,
    draining: false,
    metrics: { queue_depth: 0, in_flight: 0, slots_total: 2, slots_free: 2, replicas: 1, replicas_ready: 1 },
    last_error: null,
  });
  const { pools } = (await api.call<{ pools: PoolView[] }>("GET", "/v2/pools")).body;
  expect(pools.filter(({ id }) => id === "p1")).toEqual([put.body]);
  expect((await api.call("DELETE", "/v2/pools/p1")).status).toBe(204);
  for (const [method, path] of [
    ["GET", "p1"],
    ["DELETE", "p1"],
    ["GET", "p1/health"],
    ["POST", "p1/drain"],
    ["POST", "p1/purge"],
  ] as const)
    expect((await api.call(method, `/v2/pools/${path}`)).body).toMatchObject({ status: 404, code: "NOT_FOUND" });
  expect((await api.call("PUT", "/v2/pools/p1", { engine: "mock", replicas: [{ id: "b", url }] })).status).toBe(201);
  await api.call("DELETE", "/v2/pools/p1");
});

test("of many who register one id at the same time one does; then many changes are one after the other", async () => {
  using engine = new EngineRig();
  const pool = mock("raced", engine.engine.url);
  const answers = await Promise.all(Array.from({ length: 8 }, () => api.call("POST", "/v2/pools", pool)));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, ...Array<number>(7).fill(409)]);
  const changes = Array.from({ length: 8 }, (_, n) =>
    api.call<PoolView>("PUT", "/v2/pools/raced", mock("raced", engine.engine.url, { slots: n + 1 })),
  );
  expect((await Promise.all(changes)).map(({ status }) => status)).toEqual(Array<number>(8).fill(200));
  const removals = await Promise.all([1, 2, 3].map(() => api.call("DELETE", "/v2/pools/raced")));
  expect(removals.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 404, 404]);
});

test("an engine that comes later, goes, or serves something else makes its replica ready and unready, and says why", async () => {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const made = await api.call<PoolView>("POST", "/v2/pools", { ...mock("late", url), models: ["chain"] });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({ ready: false, models: ["chain"], slots_free: 0 });
  expect(
    (await api.call("POST", "/v2/tasks", { model_ref: "chain", prompt: "go", placement: { mode: "pin", pin_pool_id: "late" } })).body,
  ).toMatchObject({
    status: 503,
    code: "POOL_UNREADY",
  });
  expect(await api.health("late")).toMatchObject({ live: false, ready: false, last_error: expect.stringContaining("a: ") });
  {
    using _ = new EngineRig({ port });
    await api.poolThat("late", ({ ready }) => ready);
  }
  await api.poolThat("late", ({ ready }) => !ready);
  using _ = new EngineRig({ port, models: ["else"] });
  const other = await api.poolThat("late", ({ replicas }) => replicas[0]?.last_error?.includes("does not serve") ?? false);
  expect(other).toMatchObject({ ready: false, replicas: [{ last_error: "it does not serve chain, but else" }] });
  expect(await api.health("late")).toMatchObject({ live: true, ready: false, last_error: "a: it does not serve chain, but else" });
  await api.call("DELETE", "/v2/pools/late");
});

test("what cannot be an engine is refused with the place of it", async () => {
  const bad: [string, string][] = [
    ["http://169.254.169.254", "/replicas/0/url"],
    ["http://2852039166/v1", "/replicas/0/url"],
    ["http://0xA9FEA9FE", "/replicas/0/url"],
    ["http://0251.0376.0251.0376", "/replicas/0/url"],
    ["http://[::ffff:169.254.169.254]:80", "/replicas/0/url"],
    ["http://[fe80::1]:8000", "/replicas/0/url"],
    ["http://[fd00:ec2::254]", "/replicas/0/url"],
    ["http://169.254.169.254.:80/", "/replicas/0/url"],
    ["http://user:secret@127.0.0.1:8000", "/replicas/0/url"],
    ["ftp://127.0.0.1", "/replicas/0/url"],
    ["file:///etc/passwd", "/replicas/0/url"],
    ["gpu-1:8000", "/replicas/0/url"],
  ];
  for (const [url, pointer] of bad) {
    const { body } = await api.call("POST", "/v2/pools", mock("bad", url));
    expect([url, body]).toEqual([
      url,
      expect.objectContaining({ status: 400, code: "INVALID_PARAMS", errors: [expect.objectContaining({ pointer })] }),
    ]);
    expect(JSON.stringify(body)).not.toContain("secret");
  }
  const url = "http://127.0.0.1:9";
  for (const [pool, pointer] of [
    [
      {
        ...mock("bad", url),
        replicas: [
          { id: "a", url },
          { id: "a", url },
        ],
      },
      "/replicas/1/id",
    ],
    [mock("bad", url, { api_key_env: "NOT_SET" }), "/replicas/0/api_key_env"],
    [mock("bad", url, { api_key_env: "EMPTY_KEY" }), "/replicas/0/api_key_env"],
    [mock("bad", url, { slots: 0 }), "/replicas/0/slots"],
    [mock("bad", url, { port: 1 }), "/replicas/0/port"],
    [{ ...mock("bad", url), engine: "ollama" }, "/engine"],
    [{ ...mock("bad", url), replicas: [] }, "/replicas"],
    [mock("../bad", url), "/id"],
  ] as const) {
    const { body } = await api.call<{ errors: { pointer: string }[] }>("POST", "/v2/pools", pool);
    expect(body).toMatchObject({ status: 400, code: "INVALID_PARAMS" });
    expect(body.errors.map((error) => error.pointer)).toEqual([pointer]);
  }
  expect((await api.call("PUT", "/v2/pools/x", { ...mock("y", url) })).status).toBe(400);
});

test("a key goes to the engine, and nowhere else", async () => {
  using engine = new EngineRig({ apiKey: "sk-of-the-engine" });
  const { body } = await api.call("POST", "/v2/pools", mock("keyed", engine.engine.url, { api_key_env: "ENGINE_KEY" }));
  expect(body).toMatchObject({ ready: true });
  expect(await api.ended(await api.task({ model_ref: "chain", placement: { mode: "pin", pin_pool_id: "keyed" } }))).toMatchObject({
    state: "completed",
  });
  expect(JSON.stringify([body, (await api.pool("keyed")).body, await api.health("keyed")])).not.toContain("sk-of");
  await api.call("DELETE", "/v2/pools/keyed");
});

test("drain: nothing new, what runs may end until the deadline, the rest ends; resume and PUT end it", async () => {
  using engine = new EngineRig({ slots: 1, tokensPerS: 5 });
  const pool = mock("drained", engine.engine.url, { slots: 1 });
  await api.call("POST", "/v2/pools", pool);
  const pinned = { model_ref: "chain", placement: { mode: "pin", pin_pool_id: "drained" } };
  const [runs, waits] = [await api.task({ ...pinned, prompt: "loop" }), await api.task(pinned)];
  await api.taskThat(runs, ({ state }) => state === "running");
  const began = performance.now();
  const answer = await api.call<PoolView>("POST", "/v2/pools/drained/drain", { deadline_ms: 700 });
  expect([answer.status, answer.body.draining]).toEqual([202, true]);
  expect((await api.call("POST", "/v2/tasks", { ...pinned, prompt: "go" })).body).toMatchObject({ status: 503, code: "POOL_UNREADY" });
  expect(await api.ended(waits)).toMatchObject({ state: "failed", error: { code: "POOL_UNREADY" } });
  expect(await api.ended(runs)).toMatchObject({ state: "failed", error: { code: "POOL_UNREADY" } });
  expect(performance.now() - began).toBeGreaterThan(650);
  const resumed = await api.call<PoolView>("POST", "/v2/pools/drained/resume");
  expect([resumed.status, resumed.body.draining]).toEqual([202, false]);
  expect((await api.call<PoolView>("POST", "/v2/pools/drained/resume")).status).toBe(202);
  expect(await api.ended(await api.task({ ...pinned, max_tokens: 1 }))).toMatchObject({ state: "completed" });
  await api.call("POST", "/v2/pools/drained/drain", { deadline_ms: 0 });
  expect((await api.call<PoolView>("PUT", "/v2/pools/drained", pool)).body.draining).toBe(false);
  await api.task({ ...pinned, max_tokens: 1 });
  await api.call("DELETE", "/v2/pools/drained");
});

test("purge: what waits ends, what runs goes on", async () => {
  using engine = new EngineRig({ slots: 1, tokensPerS: 4 });
  await api.call("POST", "/v2/pools", mock("purged", engine.engine.url, { slots: 1 }));
  const pinned = { model_ref: "chain", placement: { mode: "pin", pin_pool_id: "purged" } };
  const [runs, waits] = [await api.task({ ...pinned, prompt: "loop", max_tokens: 10 }), await api.task(pinned)];
  await api.taskThat(runs, ({ state }) => state === "running");
  expect((await api.call("POST", "/v2/pools/purged/purge")).status).toBe(202);
  expect(await api.ended(waits)).toMatchObject({ state: "failed", error: { code: "POOL_UNAVAILABLE", retriable: true } });
  expect(await api.ended(runs)).toMatchObject({ state: "completed" });
  await api.call("DELETE", "/v2/pools/purged");
});

test("reload of engines someone else runs: over when all of them serve the model, else the former goes on and health says why", async () => {
  using both = new EngineRig({ models: ["chain", "new"] });
  using former = new EngineRig({ models: ["chain"] });
  const replicas = [
    { id: "a", url: both.engine.url },
    { id: "b", url: former.engine.url },
  ];
  await api.call("POST", "/v2/pools", { id: "reloaded", engine: "mock", models: ["chain"], replicas });
  await api.call("POST", "/v2/pools/reloaded/drain", { deadline_ms: 60_000 });
  expect((await api.call("POST", "/v2/pools/reloaded/reload", { new_model_ref: "new" })).status).toBe(202);
  const failed = await api.poolThat("reloaded", ({ last_error: error }) => error !== undefined);
  expect(failed).toMatchObject({ models: ["chain"], ready: true, draining: true });
  expect((await api.health("reloaded")).last_error).toBe("reload of new failed, the former model is served on: replica b serves chain");
  await api.call("PUT", "/v2/pools/reloaded", { engine: "mock", models: ["chain"], replicas: replicas.slice(0, 1) });
  await api.call("POST", "/v2/pools/reloaded/drain", { deadline_ms: 60_000 });
  expect((await api.call("POST", "/v2/pools/reloaded/reload", { new_model_ref: "new" })).status).toBe(202);
  const over = await api.poolThat("reloaded", ({ models }) => models[0] === "new");
  expect(over).toMatchObject({ models: ["new"], ready: true, draining: false });
  expect(await api.health("reloaded")).toMatchObject({ last_error: null });
  await api.call("DELETE", "/v2/pools/reloaded");
});

scenario("pools of the API are there again after kill -9, drained ones too; none is ready before it has been asked", async (own) => {
  const calls = new InferenceCalls(own);
  using engine = new EngineRig();
  await own.serve();
  await calls.call("POST", "/v2/pools", mock("kept", engine.engine.url));
  await calls.call("POST", "/v2/pools", mock("gone", engine.engine.url));
  await calls.call("POST", "/v2/pools", mock("still", engine.engine.url));
  await calls.call("POST", "/v2/pools/still/drain", { deadline_ms: 0 });
  await calls.call("DELETE", "/v2/pools/gone");
  await own.killDaemon();
  await own.serve();
  expect(await calls.poolThat("kept", ({ ready }) => ready)).toMatchObject({ models: ["chain"], draining: false });
  expect((await calls.pool("gone")).status).toBe(404);
  expect((await calls.pool("still")).body).toMatchObject({ draining: true });
});
