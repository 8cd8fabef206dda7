import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { poolEntry, registration } from "../../src/inference/nodes/nodes.fake.ts";
import { keptIn } from "../kept.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { ANSWER, RawEngine, whole } from "./raw-engine.ts";
import { ORCO, sharedRig } from "./rig.ts";

const KEYS = { engine: "canary-of-the-engine", node: "canary-of-the-node", manager: "canary-of-the-manager", hf: "canary-of-hf" };
const PROMPT = "canary-of-the-prompt";
/** Repeats in its refusals whatever key it was sent, and of one prompt that as well. */
const engine = await RawEngine.start((socket, { headers, json }) => {
  const told = `Incorrect API key provided: ${headers["authorization"]}`;
  if (json["prompt"] === "refuse") socket.end(whole(401, JSON.stringify({ error: { message: told, code: told } })));
  else if (json["prompt"] === PROMPT) socket.end(whole(422, JSON.stringify({ detail: [{ loc: ["body"], msg: "bad", input: json }] })));
  else if (json["prompt"] === "break")
    socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {"error":{"message":"${told}"}}\n\n`);
  else socket.end(ANSWER);
});
const manager = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: () =>
    Response.json({
      pools: [poolEntry({ pool_id: "m", engine: "openai", endpoint: engine.url, endpoint_key: KEYS.manager, models_available: ["chain"] })],
    }),
});
const rig = sharedRig({
  ENGINE_KEY: KEYS.engine,
  HF_TOKEN: KEYS.hf,
  ORCHD_POOL_MANAGERS: `http://127.0.0.1:${manager.port}`,
});
const api = new InferenceCalls(rig);
const daemon = await rig.serve();
afterAll(async () => {
  engine[Symbol.dispose]();
  await manager.stop(true);
});

const GETS = [
  "/v2/pools",
  "/v2/pools/p/health",
  "/v2/nodes",
  "/v2/tasks",
  "/v2/catalog/models",
  "/v2/catalog/availability",
  "/v2/meta/capabilities",
  "/v1/models",
  "/metrics",
  "/events?topic=*&limit=500",
  "/config",
];

test("keys of engines, nodes and managers are in no answer, event, line of the log, file, or argument of a process", async () => {
  const replicas = [{ id: "a", url: engine.url, api_key_env: "ENGINE_KEY" }];
  await api.call("PUT", "/v2/pools/p", { engine: "openai", models: ["chain"], replicas });
  const pools = [poolEntry({ pool_id: "n", engine: "openai", endpoint: engine.url, endpoint_key: KEYS.node, models_available: ["chain"] })];
  expect((await api.call("POST", "/v2/nodes/register", { ...registration({ node_id: "n1" }), pools })).status).toBe(201);
  await api.call("POST", "/v2/nodes/n1/heartbeat", { timestamp: 1, pools });
  const seen: string[] = [];
  for (const pool of ["p", "n", "m"]) {
    await api.poolThat(pool, ({ ready }) => ready);
    for (const prompt of ["go", "refuse", "break"]) {
      const id = await api.task({ model_ref: "chain", prompt, placement: { mode: "pin", pin_pool_id: pool } });
      seen.push(JSON.stringify(await api.ended(id)));
    }
    seen.push(JSON.stringify(await api.call("POST", `/v2/pools/${pool}/reload`, { new_model_ref: "none" })));
  }
  expect(new Set(engine.asked.map(({ headers }) => headers["authorization"]))).toEqual(
    new Set([`Bearer ${KEYS.engine}`, `Bearer ${KEYS.node}`, `Bearer ${KEYS.manager}`]),
  );
  for (const path of GETS) {
    const answer = await fetch(`http://localhost${path}`, { unix: `${rig.home}/orco.sock` });
    seen.push(`${path} ${answer.status} ${await answer.text()}`);
  }
  seen.push(daemon.out(), daemon.err(), (await rig.orco(["events", "--all", "-n", "500"])).out, (await rig.orco(["config"])).out);
  for (const { path, text } of keptIn(rig.home)) seen.push(`${path} ${text}`);
  seen.push(readFileSync(`/proc/${daemon.pid}/cmdline`, "latin1"));
  for (const key of Object.values(KEYS))
    for (const text of seen)
      if (text.includes(key))
        expect(`${text.slice(0, 200)} … ${text.slice(Math.max(0, text.indexOf(key) - 200), text.indexOf(key) + 60)}`).toBe("");
});

test("a prompt that an engine repeats in its refusal is told to who asked, and neither written down nor logged", async () => {
  await api.call("PUT", "/v2/pools/q", { engine: "openai", models: ["chain"], replicas: [{ id: "a", url: engine.url }] });
  await api.poolThat("q", ({ ready }) => ready);
  const placement = { mode: "pin", pin_pool_id: "q" };
  const id = await api.task({ model_ref: "chain", prompt: PROMPT, placement });
  expect((await api.ended(id)).error?.message).toContain(PROMPT);
  const kept = keptIn(rig.home).map(({ text }) => text);
  expect(kept.filter((text) => text.includes(id)).length).toBeGreaterThan(0);
  const events = (await rig.orco(["events", "--all", "-n", "500"])).out;
  for (const text of [...kept, events, daemon.out(), daemon.err()]) expect(text.includes(PROMPT)).toBe(false);
});

test("a setting that would show a password is refused, and the refusal does not show it either", async () => {
  const refused = await rig.orco(["serve"], {
    env: { ORCHD_POOL_MANAGERS: `http://me:${KEYS.manager}@127.0.0.1:1`, ORCO_HOME: `${rig.home}-2` },
  });
  expect(refused.code).not.toBe(0);
  expect(refused.err).toMatch(/^orco: ORCHD_POOL_MANAGERS=.* is not valid/);
  expect(refused.out + refused.err).not.toContain(KEYS.manager);
});

test("what an engine or a node calls itself drives no terminal", async () => {
  const evil = "\u001B]0;owned\u0007\u009B31m\u202Eevil\r\nline";
  const pools = [poolEntry({ pool_id: "e", engine: "openai", endpoint: engine.url, models_available: [`m${evil}`] })];
  const gpus = [{ device_id: "0", name: evil, vram_total_bytes: 1 }];
  const node = {
    ...registration({ node_id: "evil", machine_id: evil, version: evil.slice(0, 90) }),
    pools,
    capabilities: { gpus, cpu_cores: 1, ram_total_bytes: 1 },
  };
  expect((await api.call("POST", "/v2/nodes/register", node)).status).toBe(201);
  await api.poolThat("e", ({ replicas }) => replicas.length === 1);
  for (const address of ["http://me:secret@10.0.0.5:9200", "10.0.0.5\n\u001B[31m:9200"])
    expect((await api.call("POST", "/v2/nodes/register", { ...node, node_id: "other", address })).body).toMatchObject({
      code: "INVALID_PARAMS",
    });
  for (const args of [
    ["nodes"],
    ["pools"],
    ["models"],
    ["tasks"],
    ["events", "--all", "-n", "50"],
    ["pools", "drain", "nobody\u001B[31m"],
    ["top", "--once"],
  ]) {
    const { out, err } = await rig.orco(args);
    expect(out + err).not.toMatch(/(?!\n)[\p{Cc}\u202E]/u);
  }
  const shown = Bun.spawnSync(["script", "-qec", `${ORCO} --home ${rig.home} pools health e`, "/dev/null"], {
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm" },
  });
  expect(shown.stdout.toString()).toContain("does not serve");
  expect(shown.stdout.toString()).not.toMatch(/(?![\r\n])\p{Cc}/u);
});
