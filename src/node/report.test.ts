import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressTowards, defaultNodeId, machineId } from "./identity.ts";
import { poolView } from "./node.fake.ts";
import { reportOf } from "./report.ts";

const reporting = { base: "http://10.0.0.5:9200", relayKey: "k", isOwnAddress: (host: string) => host === "10.0.0.5", vramFreeBytes: 7 };
const relayed = { endpoint: "http://10.0.0.5:9200/v2/pools/chat/engine", endpoint_key: "k" };

test("engines on loopback, and several at once, are offered through the relay", () => {
  const [one] = reportOf([poolView(["http://127.0.0.1:8000"])], reporting);
  expect(one).toEqual({
    pool_id: "chat",
    ready: true,
    draining: false,
    slots_free: 2,
    slots_total: 2,
    vram_free_bytes: 7,
    engine: "mock",
    models_available: ["chain"],
    ...relayed,
  });
  const [several] = reportOf([poolView(["http://10.0.0.5:8000", "http://10.0.0.5:8001"])], reporting);
  expect(several).toMatchObject({ slots_total: 4, ...relayed });
});

test("together they offer no more slots than the control plane takes", () => {
  const pool = poolView(["http://127.0.0.1:8000", "http://127.0.0.1:8001"]);
  const replicas = pool.replicas.map((replica) => ({ ...replica, slots_total: 9000, slots_free: 8000 }));
  expect(reportOf([{ ...pool, replicas }], reporting)[0]).toMatchObject({ slots_total: 10_000, slots_free: 10_000 });
});

test("an engine on an address of this machine is offered itself, one on a bridge is not", () => {
  const [own] = reportOf([poolView(["http://10.0.0.5:8000"])], reporting);
  expect(own).toMatchObject({ endpoint: "http://10.0.0.5:8000" });
  expect(own).not.toHaveProperty("endpoint_key");
  expect(reportOf([poolView(["http://172.17.0.2:8000"])], reporting)[0]).toMatchObject(relayed);
});

test("only replicas that take work count, and pools from elsewhere are not ours to offer", () => {
  const pool = poolView(["http://127.0.0.1:8000", "http://127.0.0.1:8001"]);
  const half = {
    ...pool,
    replicas: pool.replicas.map((replica, index) => ({
      ...replica,
      ready: index === 0,
      vram_total_bytes: 100 + index,
      vram_free_bytes: 50,
    })),
  };
  expect(reportOf([half], reporting)[0]).toMatchObject({ ready: true, slots_total: 2, vram_total_bytes: 100, vram_free_bytes: 50 });
  const none = { ...pool, replicas: pool.replicas.map((replica) => ({ ...replica, draining: true })) };
  expect(reportOf([none], reporting)[0]).toMatchObject({ ready: false, slots_total: 0 });
  expect(reportOf([poolView([], { source: "node" }), poolView([], { source: "manager" })], reporting)).toEqual([]);
});

test("a machine without an id is given one that it keeps", () => {
  const home = mkdtempSync(join(tmpdir(), "orco-node-"));
  const made = machineId(home, join(home, "absent"));
  expect(made).toMatch(/^[0-9a-f]{32}$/);
  expect(machineId(home, join(home, "absent"))).toBe(made);
  rmSync(home, { recursive: true });
  expect(defaultNodeId()).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
});

test("the address towards another machine is the one that it sees", async () => {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  expect(await addressTowards(`http://127.0.0.1:${server.port}`)).toBe("127.0.0.1");
  await server.stop(true);
  const refused = await addressTowards(`http://127.0.0.1:${server.port}`).catch(() => "nobody answers");
  expect(refused).toBe("nobody answers");
});
