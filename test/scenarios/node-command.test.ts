import { expect } from "bun:test";
import { freePort } from "../free-port.ts";
import { until } from "../until.ts";
import { ORCO, scenario } from "./rig.ts";

const KEY = "the key of this very node";

scenario("orco node does not listen for others without a key, nor for nobody", async (rig) => {
  const open = await rig.orco(["node", "--control", "http://127.0.0.1:1"]);
  expect(open.code).not.toBe(0);
  expect(open.err).toContain("no API key is set");
  const nowhere = await rig.orco(["node"]);
  expect(nowhere.code).toBe(2);
  expect(nowhere.err).toContain("--control");
  const nameless = await rig.orco(["node", "--control", "http://127.0.0.1:1", "--control-key-env", "NOT_SET"]);
  expect(nameless.err).toContain("NOT_SET, which is not set");
  expect((await rig.orco(["node", "--control", "ftp://x"])).code).toBe(2);
});

scenario("a node waits for its control plane and serves the pool-manager API meanwhile", async (rig) => {
  const [port, engine] = [freePort(), freePort()];
  await rig
    .stack(
      `services:
  engine:
    labels: { pool: chat, engine: mock, models: chain }
    command: ["${ORCO}", mock-engine, --port=${engine}]
    ports: ["${engine}:${engine}"]
    health: { interval: 200ms, timeout: 5s, gracePeriod: 60s, http: { url: "http://127.0.0.1:${engine}/health" } }
`,
    )
    .ok("up", "-d", "--wait");
  const node = rig.start(["node", "--control", "http://127.0.0.1:1", "--bind", `127.0.0.1:${port}`, "--node-id", "me"], {
    env: { ORCHESTRATOR_API_KEY: KEY },
  });
  const ask = (path: string, key = KEY): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${key}` } });
  const ready = async (): Promise<Record<string, unknown>[] | undefined> => {
    const answer = await ask("/v2/pools").catch(() => undefined);
    const { pools: found } = ((await answer?.json()) ?? { pools: [] }) as { pools: Record<string, unknown>[] };
    return found.some((one) => one["ready"] === true) ? found : undefined;
  };
  const pools = await until("its pools", ready, 20_000);
  expect(pools).toEqual([
    expect.objectContaining({
      pool_id: "chat",
      engine: "mock",
      models_available: ["chain"],
      endpoint: `http://127.0.0.1:${port}/v2/pools/chat/engine`,
    }),
  ]);
  expect((await ask("/v2/pools", "wrong")).status).toBe(401);
  expect(await (await ask("/health", "wrong")).json()).toEqual({ ok: true });
  expect(await (await ask("/v2/pools/chat/health")).json()).toMatchObject({ live: true, ready: true, draining: false, last_error: null });
  expect(await (await ask("/v2/pools/chat/engine/health")).json()).toMatchObject({ status: "ok" });
  node.kill("SIGTERM");
  const { code, out, err } = await node.ended;
  expect(code).toBe(0);
  expect(out).toContain("node me on 127.0.0.1:");
  expect(err.match(/cannot be told/g)).toHaveLength(1);
  expect(out + err).not.toContain(KEY);
});
