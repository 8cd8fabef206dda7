import { afterAll, beforeAll, expect, test } from "bun:test";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { type Fields, nodeWith, planeOf, type Problem } from "./inference-rig.ts";
import { scenario } from "./rig.ts";

/** Every endpoint, variable, metric and log field that the document of orchestratord names. */

const TOKEN = "0123456789abcdef0123456789abcdef";
const entry = { ready: true, draining: false, slots_free: 2, slots_total: 2, vram_free_bytes: 0, models_available: ["chain"] };
const engine = new EngineRig({ slots: 2, tokensPerS: 200 });
const managers = ["gpu-1", "gpu-2"].map((id) =>
  Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) =>
      new URL(request.url).pathname === "/health"
        ? Response.json({ ok: true })
        : Response.json({ pools: [{ ...entry, pool_id: id, engine: "mock", endpoint: engine.engine.url }] }),
  }),
);
const metricsPort = freePort();
const plane = planeOf({
  ORCHD_POOL_MANAGERS: managers.map(({ port }) => `http://localhost:${port}`).join(","),
  ORCHD_ADMISSION_CAPACITY: "100",
  ORCHD_ADMISSION_POLICY: "drop-lru",
  LLORCH_API_TOKEN: TOKEN,
  // Where nobody listens: that must not hold anything up.
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
  PROMETHEUS_METRICS_PORT: String(metricsPort),
});
plane.rig.headers["authorization"] = `Bearer ${TOKEN}`;
beforeAll(() => Promise.all(["gpu-1", "gpu-2"].map((id) => plane.poolThat(id, ({ ready }) => ready))));
afterAll(async () => {
  engine.engine.stop();
  await Promise.all(managers.map((server) => server.stop(true)));
});

const scrape = async (): Promise<string> => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();

test("the token of the document opens the door, and nothing else does", async () => {
  for (const authorization of ["", "Bearer wrong-wrong-wrong-wrong", `Basic ${TOKEN}`])
    expect((await fetch(`${plane.url}/v2/pools`, { headers: { authorization } })).status).toBe(401);
  for (const path of ["/health", "/metrics"]) expect((await fetch(plane.url + path)).status).toBe(200);
  expect((await fetch(`${plane.url}/v2/pools`, { headers: { "x-api-key": TOKEN } })).status).toBe(200);
});

test("the data plane and the control plane: each endpoint", async () => {
  const placement = { mode: "pin", pin_pool_id: "gpu-1" };
  const { job_id: id } = await plane.task({ placement, session_id: "s" });
  const tape = await plane.events(id);
  await tape.over;
  const kinds = tape.events.filter((event, n, all) => event !== all[n - 1]);
  expect(kinds).toEqual(["started", "token", "metrics", "end"]);
  expect((await plane.cancel(id)).status).toBe(204);
  expect((await plane.get("/v2/sessions/s")).body).toMatchObject({ turns: 1 });
  expect((await plane.call("DELETE", "/v2/sessions/s")).status).toBe(204);
  const { body: able } = await plane.get("/v2/meta/capabilities");
  expect(able).toMatchObject({ admission: { capacity: 100, policy: "drop-lru" }, engines: ["llamacpp", "vllm", "tgi", "openai", "mock"] });
  for (const pool of ["gpu-1", "gpu-2"])
    expect((await plane.get(`/v2/pools/${pool}/health`)).body).toMatchObject({
      live: true,
      ready: true,
      draining: false,
      last_error: null,
    });
  expect((await plane.post("/v2/pools/gpu-2/drain", { deadline_ms: 1000 })).status).toBe(202);
  expect((await plane.post("/v2/pools/gpu-2/reload", { new_model_ref: "chain" })).status).toBe(202);
  await plane.poolThat("gpu-2", ({ draining }) => !draining);
  expect((await plane.post("/v2/pools/gpu-2/purge")).status).toBe(202);
});

test("the catalog and the nodes: each endpoint", async () => {
  const model = { id: "m", digest: `sha256:${"0".repeat(64)}`, source_url: "m.gguf", tags: [] };
  expect((await plane.post("/v2/catalog/models", model)).status).toBe(201);
  expect((await plane.get("/v2/catalog/models/m")).body).toMatchObject(model);
  expect((await plane.post<Problem>("/v2/catalog/models/m/verify")).body).toMatchObject({ code: "CONFLICT", status: 409 });
  expect((await plane.post("/v2/catalog/models/m/state", { state: "Retired" })).status).toBe(200);
  const reply = { success: true, next_heartbeat_ms: 10_000 };
  const registered = await plane.post("/v2/nodes/register", nodeWith("n1", []));
  expect([registered.status, registered.body]).toEqual([201, reply]);
  const pools = [{ ...entry, pool_id: "of-n1", engine: "mock", endpoint: engine.engine.url }];
  const beat = await plane.post("/v2/nodes/n1/heartbeat", { timestamp: new Date().toISOString(), pools });
  expect([beat.status, beat.body]).toEqual([200, reply]);
  expect(await plane.metric("orchd_nodes_online")).toBe(1);
  const { body } = await plane.get<{ replicated_models: string[] }>("/v2/catalog/availability");
  expect(body.replicated_models).toContain("chain");
  expect((await plane.call("DELETE", "/v2/nodes/n1")).status).toBe(204);
  expect(await plane.metric("orchd_nodes_online")).toBe(0);
});

test("the metrics have the names and labels of the document, on a port of their own as well", async () => {
  await plane.ask({ model_ref: "nobody" });
  const running = await plane.running();
  await plane.cancel(running);
  const wanted = [
    'orchd_admission_queue_depth{pool_id="gpu-1"} 0',
    'orchd_admission_enqueued_total{pool_id="gpu-1",outcome="accepted"} ',
    'orchd_admission_rejected_total{pool_id="none",reason="MODEL_UNKNOWN"} 1',
    'orchd_tasks_dispatched_total{pool_id="gpu-1",outcome="ok"} 1',
    'orchd_tasks_dispatched_total{pool_id="gpu-1",outcome="canceled"} 1',
    'orchd_dispatch_latency_ms_bucket{pool_id="gpu-1",le="+Inf"} 2',
    'orchd_dispatch_latency_ms_count{pool_id="gpu-1"} 2',
    'orchd_pool_health_checks_total{pool_id="gpu-1",outcome="ok"} ',
    'tokens_in_total{pool_id="gpu-1"} ',
    'tokens_out_total{pool_id="gpu-1"} ',
    'latency_first_token_ms_bucket{pool_id="gpu-1",le="5"} ',
    'latency_first_token_ms_bucket{pool_id="gpu-1",le="3000"} 2',
    'latency_decode_ms_count{pool_id="gpu-1"} 2',
    'tasks_canceled_total{reason="CANCELED"} 1',
    'placement_decisions_total{outcome="placed"} 2',
    'placement_decisions_total{outcome="MODEL_UNKNOWN"} 1',
  ];
  const missing = async (): Promise<string[]> => {
    const lines = (await scrape()).split("\n");
    return wanted.filter((series) => !lines.some((line) => line.startsWith(series)));
  };
  // A task is counted a moment after its last byte.
  await until("what has ended to be counted", async () => (await missing()).length === 0).catch(() => undefined);
  expect(await missing()).toEqual([]);
  expect((await fetch(`http://127.0.0.1:${metricsPort}/v2/pools`)).status).toBe(404);
});

scenario("a line of the log is JSON with the fields of the document", async (rig) => {
  const daemon = await rig.serve();
  const url = await until("its address", () => /http:\S+/.exec(daemon.out())?.[0]);
  const post = (path: string, body: Fields): Promise<Response> =>
    fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": "of-the-caller" },
      body: JSON.stringify(body),
    });
  await post("/v2/pools", { id: "default", engine: "mock", replicas: [{ id: "r", url: engine.engine.url }] });
  await post("/v2/tasks", { model_ref: "chain", prompt: "go", session_id: "s" });
  const line = await until("the line", () =>
    daemon
      .err()
      .split("\n")
      .find((each) => each.includes('"msg":"task ended"')),
  );
  const told =
    daemon
      .err()
      .split("\n")
      .find((each) => each.includes('"msg":"task dispatched"')) ?? "{}";
  expect(JSON.parse(told)).toMatchObject({
    level: "info",
    target: "orchestratord::dispatch",
    job_id: expect.any(String),
    pool_id: "default",
    latency_ms: expect.any(Number),
  });
  expect(JSON.parse(line)).toMatchObject({
    level: "info",
    job_id: expect.any(String),
    session_id: "s",
    engine: "mock",
    pool_id: "default",
    replica_id: "r",
    queue_position: 0,
    predicted_start_ms: 0,
    tokens_in: 1,
    tokens_out: expect.any(Number),
    decode_time_ms: expect.any(Number),
    correlation_id: "of-the-caller",
  });
});

test.each([
  ["ORCHD_ADMISSION_CAPACITY", "many"],
  ["ORCHD_ADMISSION_CAPACITY", "0"],
  ["ORCHD_ADMISSION_POLICY", "drop"],
  ["ORCHD_POOL_MANAGERS", "gpu-1:9200"],
  ["ORCHD_BIND_ADDR", "8080"],
  ["LLORCH_API_TOKEN", "short"],
  ["PROMETHEUS_METRICS_PORT", "metrics"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "tempo"],
  ["ORCHD_FIRST_TOKEN_TIMEOUT_MS", "-1"],
  ["ORCHD_IDLE_TOKEN_TIMEOUT_MS", "soon"],
  ["ORCHD_AGEING_MS", "x"],
  ["ORCHD_NODE_STALE_MS", "x"],
  ["ORCHD_SESSION_TTL_MS", "600001"],
  ["ORCHD_BREAKER_FAILURES", "0"],
  ["ORCHD_BREAKER_OPEN_MS", "x"],
  ["ORCHD_PLACEMENT_POLICY", "best"],
  ["ORCHD_MODEL_ROOTS", "models"],
])("%s=%s stops the start with a line that names it", async (name, value) => {
  const { code, err } = await plane.rig.orco(["serve"], { env: { ORCO_HOME: `${plane.rig.dir}/other`, [name]: value } });
  expect(code).not.toBe(0);
  expect(err.trim().split("\n")).toEqual([expect.stringContaining(name)]);
});
