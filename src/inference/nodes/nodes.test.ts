import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_NODES } from "./nodes.ts";
import { NodesRig, poolEntry, registration, STALE_MS } from "./nodes.fake.ts";

const beat = { timestamp: 0, pools: [poolEntry()] };

describe("a node", () => {
  test("is Online from its registration on and told when to beat", () => {
    const rig = new NodesRig();
    expect(rig.nodes.register(registration())).toEqual({ success: true, next_heartbeat_ms: 10_000 });
    expect(rig.statusOf("gpu-1")).toBe("Online");
    expect(rig.online).toBe(1);
    expect(rig.types).toEqual(["node.registered"]);
  });

  test("is told how soon it is stale where that is soon", () => {
    const rig = new NodesRig(1_500);
    expect(rig.nodes.register(registration())).toEqual({ success: true, next_heartbeat_ms: 10_000, stale_ms: 1_500 });
  });

  test("that nobody knows has to register", () => {
    const rig = new NodesRig();
    expect(() => rig.nodes.heartbeat("gpu-1", beat)).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
    expect(() => rig.nodes.remove("gpu-1")).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  });

  test("becomes a replica of each pool that it names an endpoint for", () => {
    const rig = new NodesRig();
    rig.nodes.register(registration());
    rig.nodes.heartbeat("gpu-1", {
      timestamp: 0,
      pools: [poolEntry({ endpoint_key: "k" }), poolEntry({ pool_id: "shown", endpoint: undefined })],
    });
    const replica = {
      id: "gpu-1",
      endpoint: { url: "http://10.0.0.5:8000", apiKey: "k" },
      ready: true,
      draining: false,
      slotsTotal: 2,
      slotsForeign: 0,
      vramTotalBytes: 1_000,
    };
    expect(rig.replaced.get("node/gpu-1")).toEqual([
      { id: "chat", source: "node", engine: "mock", models: ["m"], draining: false, replicas: [replica] },
    ]);
    const shown = rig.nodes.list()[0]?.pools ?? [];
    expect(shown.map(({ pool_id }) => pool_id)).toEqual(["chat", "shown"]);
    expect(JSON.stringify(shown)).not.toContain("endpoint_key");
  });

  test("has slots that others take, less those that we take ourselves", () => {
    const rig = new NodesRig();
    rig.nodes.register(registration());
    rig.inFlight.set("gpu-1", 1);
    rig.nodes.heartbeat("gpu-1", { timestamp: 0, pools: [poolEntry({ slots_free: 0 })] });
    expect(rig.replaced.get("node/gpu-1")?.[0]?.replicas[0]?.slotsForeign).toBe(1);
  });

  test("goes Offline after silence, and comes back with a heartbeat", async () => {
    const rig = new NodesRig();
    rig.nodes.register(registration({ pools: beat.pools }));
    await rig.clock.advance(STALE_MS - 1);
    expect(rig.statusOf("gpu-1")).toBe("Online");
    await rig.clock.advance(1);
    expect(rig.statusOf("gpu-1")).toBe("Offline");
    expect(rig.online).toBe(0);
    const lost = rig.replaced.get("node/gpu-1")?.[0]?.replicas[0];
    expect(lost).toMatchObject({ ready: false, lastError: "node gpu-1 is Offline: nothing was heard of it for 30s" });
    rig.nodes.heartbeat("gpu-1", beat);
    expect(rig.statusOf("gpu-1")).toBe("Online");
    expect(rig.replaced.get("node/gpu-1")?.[0]?.replicas[0]).toMatchObject({ ready: true });
    expect(rig.types).toEqual(["node.registered", "node.offline", "node.online"]);
  });

  test("that flaps is Offline once each time, and leaves one timer", async () => {
    const rig = new NodesRig();
    rig.nodes.register(registration());
    for (let round = 0; round < 20; round++) {
      await rig.clock.advance(STALE_MS);
      if (round % 2 === 0) rig.nodes.heartbeat("gpu-1", beat);
      else rig.nodes.register(registration());
    }
    expect(rig.types.filter((type) => type === "node.offline")).toHaveLength(20);
    expect(rig.types.filter((type) => type === "node.online")).toHaveLength(20);
    expect(rig.clock.pendingTimers).toBe(1);
  });

  test("is no replica any more once it is removed", async () => {
    const rig = new NodesRig();
    rig.nodes.register(registration({ pools: beat.pools }));
    rig.nodes.remove("gpu-1");
    expect(rig.nodes.list()).toEqual([]);
    expect(rig.replaced.get("node/gpu-1")).toEqual([]);
    expect(rig.online).toBe(0);
    await rig.clock.advance(STALE_MS * 2);
    expect(rig.types).toEqual(["node.registered", "node.removed"]);
    expect(rig.clock.pendingTimers).toBe(0);
  });

  test("finds room when others are Offline, and none when all are there", async () => {
    const rig = new NodesRig();
    const add = (index: number): unknown => rig.nodes.register(registration({ node_id: `n${index}` }));
    for (let index = 0; index < MAX_NODES; index++) add(index);
    expect(() => add(MAX_NODES)).toThrow(expect.objectContaining({ code: "CONFLICT" }));
    await rig.clock.advance(STALE_MS - 1);
    for (let index = 1; index < MAX_NODES; index++) rig.nodes.heartbeat(`n${index}`, beat);
    await rig.clock.advance(1);
    add(MAX_NODES);
    expect(rig.nodes.list()).toHaveLength(MAX_NODES);
    expect(rig.statusOf("n0")).toBeUndefined();
    expect(rig.online).toBe(MAX_NODES);
    rig.nodes.close();
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

test("a node is Online as long as the last word of it is younger than the limit, whatever the wall clock does", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 2 * STALE_MS }) }),
    fc.record({ kind: fc.constant("jump" as const), ms: fc.integer({ min: -10 * STALE_MS, max: 10 * STALE_MS }) }),
    fc.record({ kind: fc.constantFrom("beat" as const, "register" as const, "remove" as const), node: fc.constantFrom("a", "b", "c") }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const rig = new NodesRig();
      const heard = new Map<string, number>();
      for (const one of steps) {
        if (one.kind === "wait") await rig.clock.advance(one.ms);
        else if (one.kind === "jump") rig.clock.jumpWall(one.ms);
        else if (one.kind === "register") {
          rig.nodes.register(registration({ node_id: one.node, pools: beat.pools }));
          heard.set(one.node, rig.clock.monotonic());
        } else if (!heard.has(one.node)) {
          expect(() => (one.kind === "beat" ? rig.nodes.heartbeat(one.node, beat) : rig.nodes.remove(one.node))).toThrow();
        } else if (one.kind === "beat") {
          rig.nodes.heartbeat(one.node, beat);
          heard.set(one.node, rig.clock.monotonic());
        } else {
          rig.nodes.remove(one.node);
          heard.delete(one.node);
        }
        const isOnline = (node: string): boolean => rig.clock.monotonic() - (heard.get(node) ?? 0) < STALE_MS;
        const expected = Array.from(heard.keys(), (node) => [node, isOnline(node) ? "Online" : "Offline"]);
        expect(Object.fromEntries(rig.nodes.list().map((node) => [node.node_id, node.status as string]))).toEqual(
          Object.fromEntries(expected),
        );
        expect(rig.online).toBe(expected.filter(([, status]) => status === "Online").length);
        for (const node of heard.keys()) expect(rig.replaced.get(`node/${node}`)?.[0]?.replicas[0]?.ready).toBe(isOnline(node));
        expect(rig.clock.pendingTimers).toBe(rig.online);
      }
    }),
    { numRuns: 200 },
  );
});
