import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { until } from "../until.ts";
import { expectRefusal, type Fields, planeOf, type Problem } from "./inference-rig.ts";
import { RawEngine, said, STREAM_HEAD } from "./raw-engine.ts";

/** The table "Errors" of inference.md: each code, provoked on the wire. */

const CAPACITY = 2;
const CTX = 100;
const plane = planeOf({
  ORCHD_ADMISSION_CAPACITY: String(CAPACITY),
  ORCHD_FIRST_TOKEN_TIMEOUT_MS: "5000",
  ORCHD_IDLE_TOKEN_TIMEOUT_MS: "4000",
  ORCHD_BREAKER_FAILURES: "1000",
});
const engine = new EngineRig({ slots: 1, tokensPerS: 50, ctx: CTX });
const { url } = engine.engine;
beforeAll(() => plane.pool("p", url, { slots: 1 }));
afterEach(() => plane.calm());
afterAll(() => engine.engine.stop());

const pinned = (pool: string): Fields => ({ placement: { mode: "pin", pin_pool_id: pool } });

/** How a task that was accepted failed, in its stream and in its state. */
async function failureOf(task: Fields): Promise<Fields> {
  const tape = await plane.whole(task);
  expect(await tape.over).toBe("ended");
  expect(tape.events.filter((event) => event === "end")).toEqual([]);
  expect(tape.last?.event).toBe("error");
  const state = await plane.ended((await plane.get<{ tasks: { task_id: string }[] }>("/v2/tasks?limit=1")).body.tasks[0]?.task_id ?? "");
  expect(state).toMatchObject({ state: "failed", error: tape.last?.data as never });
  return tape.last?.data ?? {};
}

describe("refused at the door", () => {
  test("INVALID_PARAMS 400: what is no task, with the place of it", async () => {
    for (const [body, pointer] of [
      [{ prompt: "go" }, "/model_ref"],
      [{ model_ref: "chain" }, "/prompt"],
      [{ model_ref: "chain", prompt: "go", max_tokens: 0 }, "/max_tokens"],
      [{ model_ref: "chain", prompt: "go", priority: "urgent" }, "/priority"],
      [{ model_ref: "chain", prompt: "go", task_id: "not a uuid" }, "/task_id"],
      [{ model_ref: "chain", prompt: "go", placement: { mode: "pin" } }, "/placement/pin_pool_id"],
      [{ model_ref: "chain", prompt: "go", tempreture: 1 }, "/tempreture"],
      [{ model_ref: "chain", workload: "rerank", inputs: "x" }, "/inputs"],
    ] as const) {
      const reply = await plane.post<Problem>("/v2/tasks", body);
      expectRefusal(reply, { status: 400, code: "INVALID_PARAMS", retriable: false });
      expect((reply.body["errors"] as { pointer: string }[]).map((error) => error.pointer)).toEqual([pointer]);
    }
    const broken = await plane.call<Problem>("POST", "/v2/tasks", { raw: "{", headers: { "content-type": "application/json" } });
    expectRefusal(broken, { status: 400, code: "INVALID_PARAMS", retriable: false });
  });

  test("INVALID_PARAMS 400: more context than the model has", async () => {
    await plane.pool("told", url, { engine: "llamacpp" });
    expectRefusal(await plane.ask({ ctx: CTX + 1, ...pinned("told") }), { status: 400, code: "INVALID_PARAMS", retriable: false });
    expect((await plane.ask({ ctx: CTX, ...pinned("told") })).status).toBe(202);
    await plane.call("DELETE", "/v2/pools/told");
  });

  test("MODEL_UNKNOWN 404", async () => {
    expectRefusal(await plane.ask({ model_ref: "nobody" }), { status: 404, code: "MODEL_UNKNOWN", retriable: false });
  });

  test("MODEL_DEPRECATED 409", async () => {
    await plane.post("/v2/catalog/models", { id: "chain", source_url: "chain.gguf", tags: [] });
    expect((await plane.post("/v2/catalog/models/chain/state", { state: "Retired" })).status).toBe(200);
    expectRefusal(await plane.ask(), { status: 409, code: "MODEL_DEPRECATED", retriable: false });
    await plane.call("DELETE", "/v2/catalog/models/chain");
    expect((await plane.ask()).status).toBe(202);
  });

  test("UNTRUSTED_ARTIFACT 409: never verified is allowed, a mismatch is not, and the state stays", async () => {
    const models = join(plane.rig.home, "models");
    mkdirSync(models, { recursive: true });
    writeFileSync(join(models, "chain.gguf"), "not what was registered");
    const entry = { id: "chain", source_url: "chain.gguf", tags: ["a"], digest: `sha256:${"0".repeat(64)}` };
    expect((await plane.post("/v2/catalog/models", entry)).status).toBe(201);
    expect((await plane.ask()).status).toBe(202);
    expect((await plane.post("/v2/catalog/models/chain/verify")).status).toBe(202);
    type Shown = { state: string; verification: { status: string } };
    const after = await plane.seen<Shown>(
      "the verdict",
      "/v2/catalog/models/chain",
      ({ verification }) => verification.status === "mismatch",
    );
    expect(after.state).toBe("Active");
    expectRefusal(await plane.ask(), { status: 409, code: "UNTRUSTED_ARTIFACT", retriable: false });
    await plane.call("DELETE", "/v2/catalog/models/chain");
  });

  test("POOL_UNAVAILABLE 503: more VRAM than any replica has, an impossible pin, in the catalog but in no pool", async () => {
    writeFileSync(join(plane.rig.home, "models", "chain.gguf"), "x".repeat(1001));
    await plane.post("/v2/catalog/models", { id: "big", source_url: "chain.gguf", tags: [] });
    expectRefusal(await plane.ask({ model_ref: "big" }), { status: 503, code: "POOL_UNAVAILABLE", retriable: true });
    const replicas = [{ id: "r", url, vram_total_bytes: 1000 }];
    await plane.call("PUT", "/v2/pools/small", { json: { engine: "openai", models: ["big"], replicas } });
    expectRefusal(await plane.ask({ model_ref: "big" }), { status: 503, code: "POOL_UNAVAILABLE", retriable: true });
    for (const pool of ["nobody", "small"]) expectRefusal(await plane.ask(pinned(pool)), { status: 503, code: "POOL_UNAVAILABLE" });
    await plane.call("DELETE", "/v2/pools/small");
    await plane.call("DELETE", "/v2/catalog/models/big");
  });

  test("POOL_UNREADY 503: the pool drains, or no engine of it answers", async () => {
    await plane.pool("d", url, { slots: 1 });
    await plane.post("/v2/pools/d/drain", { deadline_ms: 1000 });
    expectRefusal(await plane.ask(pinned("d")), { status: 503, code: "POOL_UNREADY", retriable: true });
    await plane.call("PUT", "/v2/pools/d", {
      json: { engine: "mock", models: ["chain"], replicas: [{ id: "r", url: "http://127.0.0.1:1" }] },
    });
    expectRefusal(await plane.ask(pinned("d")), { status: 503, code: "POOL_UNREADY", retriable: true });
    await plane.call("DELETE", "/v2/pools/d");
  });

  test("ADMISSION_REJECT 429 when the queue is full, with the time until a place is free", async () => {
    const running = await plane.running();
    const waiting = [await plane.task(), await plane.task({ priority: "batch" })];
    const refused = await plane.ask();
    expectRefusal(refused, { status: 429, code: "ADMISSION_REJECT", retriable: true, policy_label: "reject" });
    expect(refused.body.retry_after_ms).toBeGreaterThanOrEqual(0);
    expect(refused.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(refused.headers.get("x-backoff-ms")).toMatch(/^\d+$/);
    for (const id of [running, ...waiting.map(({ task_id: each }) => each)]) await plane.cancel(id);
    expect((await plane.ask()).status).toBe(202);
  });

  test("DEADLINE_UNMET 400 when it would begin too late; later it is the terminal event", async () => {
    const running = await plane.running({ expected_tokens: 5000 });
    const refused = await plane.ask({ deadline_ms: 1 });
    expectRefusal(refused, { status: 400, code: "DEADLINE_UNMET", retriable: false });
    await plane.cancel(running);
    await plane.calm();
    expect(await failureOf({ prompt: "loop", deadline_ms: 150 })).toMatchObject({ code: "DEADLINE_UNMET" });
    const stats = async (): Promise<{ active: number }> => (await engine.get("/stats")) as { active: number };
    await until("upstream to be closed", async () => (await stats()).active === 0);
  });

  test("NOT_FOUND 404 and CONFLICT 409", async () => {
    const none = crypto.randomUUID();
    for (const [method, path] of [
      ["GET", `/v2/tasks/${none}`],
      ["GET", `/v2/tasks/${none}/events`],
      ["POST", `/v2/tasks/${none}/cancel`],
      ["GET", "/v2/sessions/none"],
      ["DELETE", "/v2/sessions/none"],
      ["GET", "/v2/pools/none/health"],
      ["POST", "/v2/pools/none/purge"],
      ["GET", "/v2/catalog/models/none"],
      ["DELETE", "/v2/nodes/none"],
    ] as const)
      expectRefusal(await plane.call<Problem>(method, path), { status: 404, code: "NOT_FOUND", retriable: false });
    const id = await plane.running();
    expectRefusal(await plane.ask({ task_id: id }), { status: 409, code: "CONFLICT", retriable: false });
    await plane.cancel(id);
    expect((await plane.ask({ task_id: id })).status).toBe(202);
    await plane.ended(id);
  });
});

describe("failed on the way", () => {
  test("REPLICA_EXHAUSTED after four tries", async () => {
    using down = await RawEngine.start((socket) => socket.destroy());
    await plane.pool("x", down.url);
    expect(await failureOf(pinned("x"))).toMatchObject({ code: "REPLICA_EXHAUSTED", retriable: true, engine: "mock" });
    expect(down.asked.length).toBe(4);
    await plane.call("DELETE", "/v2/pools/x");
  });

  test("DECODE_TIMEOUT: no first token, and none after another", async () => {
    using mute = await RawEngine.start((socket, _asked, n) => void (n === 0 || socket.write(`${STREAM_HEAD}${said("a")}`)));
    await plane.pool("x", mute.url);
    const first = await failureOf(pinned("x"));
    expect(first).toMatchObject({ code: "DECODE_TIMEOUT", retriable: true });
    expect(first["message"]).toContain("within 5000 ms");
    const idle = await failureOf(pinned("x"));
    expect(idle).toMatchObject({ code: "DECODE_TIMEOUT", retriable: true });
    expect(idle["message"]).toContain("within 4000 ms");
    expect(mute.asked.length).toBe(2);
    await plane.call("DELETE", "/v2/pools/x");
  });

  test("WORKER_RESET when the engine dies after its first token", async () => {
    using dying = await RawEngine.start((socket) => socket.end(`${STREAM_HEAD}${said("a")}${said("b")}`));
    await plane.pool("x", dying.url);
    expect(await failureOf(pinned("x"))).toMatchObject({ code: "WORKER_RESET", retriable: true });
    expect(dying.asked.length).toBe(1);
    await plane.call("DELETE", "/v2/pools/x");
  });

  test("INVALID_PARAMS, once and not retriable, when the engine itself refuses", async () => {
    const refusing = new EngineRig({ fault: { status: 422 } });
    await plane.pool("x", refusing.engine.url);
    expect(await failureOf(pinned("x"))).toMatchObject({ code: "INVALID_PARAMS", retriable: false });
    refusing.engine.stop();
    await plane.call("DELETE", "/v2/pools/x");
  });

  test("POOL_UNREADY for what is left when a drain is over", async () => {
    await plane.pool("d", url, { slots: 1 });
    const running = await plane.running(pinned("d"));
    const tape = await plane.events(running);
    await plane.post("/v2/pools/d/drain", { deadline_ms: 100 });
    await tape.over;
    expect(tape.last).toMatchObject({ event: "error", data: { code: "POOL_UNREADY", retriable: true } });
    await plane.call("DELETE", "/v2/pools/d");
  });
});
