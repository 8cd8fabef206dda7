import { expect, test } from "bun:test";
import type { NodeView } from "../../src/inference/nodes/node.ts";
import { poolEntry, registration } from "../../src/inference/nodes/nodes.fake.ts";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { until } from "../until.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { sharedRig } from "./rig.ts";

const STALE_MS = 3000;
const rig = sharedRig({ ORCHD_NODE_STALE_MS: String(STALE_MS) });
const api = new InferenceCalls(rig);
await rig.serve();

const REPLY = { success: true, next_heartbeat_ms: 10_000, stale_ms: STALE_MS };
const register = (over: object = {}) => api.call("POST", "/v2/nodes/register", { ...registration({ address: "127.0.0.1:9200" }), ...over });
const beat = (id: string, pools: readonly object[] = []) => api.call("POST", `/v2/nodes/${id}/heartbeat`, { timestamp: Date.now(), pools });
const view = async (id: string): Promise<NodeView | undefined> => {
  const { body } = await api.call<{ nodes: NodeView[] }>("GET", "/v2/nodes");
  return body.nodes.find(({ node_id }) => node_id === id);
};

test("a node registers, beats, serves a task, goes Offline, comes back, and is removed", async () => {
  using engine = new EngineRig({ models: ["chain"] });
  const pool = poolEntry({
    pool_id: "far",
    endpoint: `${engine.engine.url}/v1`,
    models_available: ["chain"],
    endpoint_key: "a secret of the node",
  });
  expect(await register({ node_id: "n1" })).toMatchObject({ status: 201, body: REPLY });
  expect(await beat("n1", [pool])).toMatchObject({ status: 200, body: REPLY });
  const beats = setInterval(() => void beat("n1", [pool]), STALE_MS / 3);
  await api.poolThat("far", ({ ready }) => ready);
  expect(await api.ended(await api.task({ model_ref: "chain" }))).toMatchObject({ state: "completed", pool_id: "far", replica_id: "n1" });
  const shown = await view("n1");
  expect(shown).toMatchObject({ node_id: "n1", status: "Online", address: "127.0.0.1:9200", capabilities: { cpu_cores: 8 } });
  expect(JSON.stringify([shown, (await api.pool("far")).body])).not.toContain("a secret");
  clearInterval(beats);
  await until("it to be Offline", async () => (await view("n1"))?.status === "Offline", 10_000);
  expect(await api.poolThat("far", ({ ready }) => !ready)).toMatchObject({
    replicas: [{ id: "n1", last_error: "node n1 is Offline: nothing was heard of it for 3s" }],
  });
  expect(await api.call("POST", "/v2/tasks", { model_ref: "chain", prompt: "go" })).toMatchObject({
    status: 503,
    body: { retriable: true },
  });
  await beat("n1", [pool]);
  expect((await view("n1"))?.status).toBe("Online");
  expect((await api.call("DELETE", "/v2/nodes/n1")).status).toBe(204);
  expect(await view("n1")).toBeUndefined();
  expect((await api.pool("far")).status).toBe(404);
  const { body } = await api.call<{ events: { type: string; node_id?: string }[] }>("GET", "/events?topic=inference&limit=100");
  const types = body.events.filter(({ node_id: id }) => id === "n1").map(({ type }) => type);
  expect(types.toReversed()).toEqual(["node.registered", "node.offline", "node.online", "node.removed"]);
});

test("a node that nobody knows is told to register, and cannot be removed", async () => {
  expect(await beat("nobody")).toMatchObject({ status: 404, body: { code: "NOT_FOUND", retriable: false } });
  expect(await api.call("DELETE", "/v2/nodes/nobody")).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
});

test.each([
  ["an address of the metadata service", { address: "http://169.254.169.254" }],
  ["the same as one number", { address: "2852039166:9200" }],
  ["the same inside IPv6", { address: "[::ffff:a9fe:a9fe]:9200" }],
  ["an endpoint there", { pools: [poolEntry({ endpoint: "http://[fe80::1]:8000" })] }],
  ["an endpoint that is no http", { pools: [poolEntry({ endpoint: "file:///etc/passwd" })] }],
  ["an id that climbs", { node_id: "../x" }],
  ["no address", { address: undefined }],
  ["slots below nothing", { pools: [poolEntry({ slots_free: -1 })] }],
  ["an engine nobody knows", { pools: [{ ...poolEntry(), engine: "abacus" }] }],
  ["a pool twice", { pools: [poolEntry(), poolEntry()] }],
])("a registration with %s is refused", async (_what, over) => {
  const { status, body } = await register(over);
  expect(status).toBe(400);
  expect(body).toMatchObject({ code: "INVALID_PARAMS", retriable: false });
});

test("a heartbeat is held to the same rules, and then counts for nothing", async () => {
  await register({ node_id: "n2" });
  const { status, body } = await beat("n2", [poolEntry({ endpoint: "http://0xa9fea9fe" })]);
  expect({ status, code: body["code"] }).toEqual({ status: 400, code: "INVALID_PARAMS" });
  expect((await view("n2"))?.pools).toEqual([]);
});

test("what a newer node says more is no reason to refuse it", async () => {
  expect((await register({ node_id: "n3", mood: "good", pools: [{ ...poolEntry(), colour: "red" }] })).status).toBe(201);
});

test("nodes are forgotten with the daemon and register again", async () => {
  await register({ node_id: "n4" });
  await rig.killDaemon("SIGKILL");
  await rig.serve();
  expect((await beat("n4")).status).toBe(404);
  expect((await register({ node_id: "n4" })).status).toBe(201);
});
