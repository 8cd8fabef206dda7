import { describe, expect, test } from "bun:test";
import { choosePool, chooseReplica, type Decision, explain } from "./decide.ts";
import { placed, pool, replica } from "./snapshot.fake.ts";

const NOW = { turn: 0 };

/** Pool and replica of a decision, else the code of the refusal, else `wait`. */
function told(decision: Decision): string {
  if (decision.kind === "placed") return [decision.pool, ...(decision.replica === undefined ? [] : [decision.replica])].join("/");
  return decision.kind === "refused" ? decision.code : "wait";
}

test("a pin that leads nowhere says whether there is such a pool", () => {
  const pinned = (pin: string): Decision =>
    choosePool([pool("a"), pool("o", { models: ["other"] })], placed({ placement: { mode: "pin", pinPoolId: pin } }), { turn: 0 });
  expect(pinned("c")).toMatchObject({ reason: expect.stringMatching(/^there is no pool c, and the task is pinned to it; a serves /) });
  expect(pinned("o")).toMatchObject({
    reason: expect.stringMatching(/^the task is pinned to the pool o, which does not serve .*; a does$/),
  });
});

describe("at admission", () => {
  const down = pool("down", { replicas: [replica("r", { ready: false })] });
  const leaving = pool("leaving", { draining: true });
  const [a, b] = [pool("a"), pool("b", { engine: "vllm" })];

  test.each([
    ["a model that nobody serves", [a], placed({ model: "x" }), "MODEL_UNKNOWN"],
    ["no pools", [], placed(), "MODEL_UNKNOWN"],
    ["a pool that drains", [leaving], placed(), "POOL_UNREADY"],
    ["no replica that is ready", [down], placed(), "POOL_UNREADY"],
    ["a pool without replicas", [pool("empty", { replicas: [] })], placed(), "POOL_UNREADY"],
    ["replicas that all drain", [pool("p", { replicas: [replica("r", { draining: true })] })], placed(), "POOL_UNREADY"],
    ["another pool that is up", [leaving, down, a], placed(), "a"],
    ["an engine nobody has", [a, b], placed({ engine: "tgi" }), "POOL_UNAVAILABLE"],
    ["an engine one has", [a, b], placed({ engine: "vllm" }), "b"],
    ["a pin", [a, b], placed({ placement: { mode: "pin", pinPoolId: "b" } }), "b"],
    ["a pin to no pool", [a, b], placed({ placement: { mode: "pin", pinPoolId: "c" } }), "POOL_UNAVAILABLE"],
    [
      "a pin to a pool without the model",
      [a, pool("o", { models: ["o"] })],
      placed({ placement: { mode: "pin", pinPoolId: "o" } }),
      "POOL_UNAVAILABLE",
    ],
    ["a pin to a pool that drains", [a, leaving], placed({ placement: { mode: "pin", pinPoolId: "leaving" } }), "POOL_UNREADY"],
    ["a pin to a pool that is not up", [a, down], placed({ placement: { mode: "pin", pinPoolId: "down" } }), "POOL_UNREADY"],
    [
      "a pin to one that has not told its models",
      [pool("n", { models: [], replicas: [] })],
      placed({ placement: { mode: "pin", pinPoolId: "n" } }),
      "POOL_UNREADY",
    ],
    ["a pin that is avoided", [a], placed({ placement: { mode: "pin", pinPoolId: "a", avoidPools: ["a"] } }), "POOL_UNAVAILABLE"],
    ["avoided pools", [a, b], placed({ placement: { avoidPools: ["a"] } }), "b"],
    ["nothing but avoided pools", [a, b], placed({ placement: { avoidPools: ["a", "b"] } }), "POOL_UNAVAILABLE"],
    ["the first that is preferred", [a, b], placed({ placement: { mode: "prefer", preferPools: ["x", "b", "a"] } }), "b"],
    ["a fallback", [a, leaving], placed({ placement: { mode: "prefer", preferPools: ["leaving"] } }), "a"],
    ["no fallback", [a], placed({ placement: { mode: "prefer", preferPools: ["x"], allowFallback: false } }), "POOL_UNAVAILABLE"],
    [
      "no fallback from one that drains",
      [a, leaving],
      placed({ placement: { mode: "prefer", preferPools: ["leaving"], allowFallback: false } }),
      "POOL_UNREADY",
    ],
    ["preferences without that mode", [a, b], placed({ placement: { preferPools: ["b"] } }), "a"],
  ] as const)("%s", (_, pools, task, expected) => {
    expect(told(choosePool(pools, task, NOW))).toBe(expected);
  });

  test("a model of the catalog that no pool serves is unavailable, not unknown", () => {
    expect(told(choosePool([a], placed({ model: "x" }), { turn: 0, known: true }))).toBe("POOL_UNAVAILABLE");
  });

  test("VRAM of one replica must hold the model: nothing spills", () => {
    const sized = pool("p", { replicas: [replica("r", { vramTotalBytes: 10 }), replica("s", { vramTotalBytes: 20, ready: false })] });
    expect([10, 15, 21].map((vramBytes) => told(choosePool([sized], placed({ vramBytes }), NOW)))).toEqual([
      "p",
      "POOL_UNREADY",
      "POOL_UNAVAILABLE",
    ]);
    expect(told(choosePool([pool("silent")], placed({ vramBytes: 1e12 }), NOW))).toBe("silent");
  });

  test("ctx above what every candidate holds is the client's error, and stays one while the pool drains", () => {
    const replicas = [replica("r", { ctxMax: 100 }), replica("s", { ctxMax: 200 })];
    const asked = (ctx: number) => told(choosePool([pool("p", { replicas })], placed({ ctx }), NOW));
    expect([200, 201].map(asked)).toEqual(["p", "INVALID_PARAMS"]);
    expect(told(choosePool([pool("p", { replicas, draining: true })], placed({ ctx: 201 }), NOW))).toBe("INVALID_PARAMS");
  });

  test("slots and circuits rule nobody out, but a pool with a working replica goes first", () => {
    const broken = pool("a", { replicas: [replica("r", { broken: true })] });
    const full = pool("b", { queueDepth: 50, replicas: [replica("s", { slotsFree: 0 })] });
    expect(told(choosePool([broken], placed(), NOW))).toBe("a");
    expect(told(choosePool([broken, full], placed(), NOW))).toBe("b");
  });

  test("the least loaded for its slots, what waits included", () => {
    const busy = pool("a", { replicas: [replica("r", { slotsFree: 3 })] });
    const waiting = pool("b", { queueDepth: 3, replicas: [replica("r", { slotsTotal: 16, slotsFree: 16 })] });
    expect(told(choosePool([busy, waiting], placed(), NOW))).toBe("b");
  });
});

describe("at dispatch", () => {
  test("only where a slot is free and the circuit lets it", () => {
    const replicas = [
      replica("a", { slotsFree: 0 }),
      replica("b", { broken: true }),
      replica("c", { ready: false }),
      replica("d", { draining: true }),
    ];
    expect(told(chooseReplica(pool("p", { replicas }), placed(), NOW))).toBe("wait");
    expect(told(chooseReplica(pool("p", { replicas: [...replicas, replica("e", { slotsFree: 1 })] }), placed(), NOW))).toBe("p/e");
  });

  test("a pool that drains still runs what waits in it", () => {
    expect(told(chooseReplica(pool("p", { draining: true }), placed(), NOW))).toBe("p/p-a");
  });

  test("what the pool can no longer do is refused, not waited for", () => {
    expect(told(chooseReplica(pool("p", { models: ["other"] }), placed(), NOW))).toBe("POOL_UNAVAILABLE");
    expect(told(chooseReplica(pool("p", { replicas: [replica("r", { ctxMax: 8 })] }), placed({ ctx: 9 }), NOW))).toBe("INVALID_PARAMS");
    expect(told(chooseReplica(pool("p", { replicas: [] }), placed(), NOW))).toBe("wait");
  });

  test("a replica that serves another model of the pool is none for this one, though it may be soon", () => {
    const replicas = [replica("a", { models: ["n"] }), replica("b", { models: ["m"] })];
    expect(told(chooseReplica(pool("p", { replicas }), placed(), NOW))).toBe("p/b");
    expect(told(chooseReplica(pool("p", { replicas: replicas.slice(0, 1) }), placed(), NOW))).toBe("wait");
    expect(told(choosePool([pool("p", { replicas: replicas.slice(0, 1) })], placed(), NOW))).toBe("POOL_UNREADY");
  });

  test("a replica that was tried is tried again only when no other is feasible", () => {
    const avoid = new Set(["p-a"]);
    expect(told(chooseReplica(pool("p"), placed(), { turn: 0, avoid }))).toBe("p/p-b");
    expect(told(chooseReplica(pool("p", { replicas: [replica("p-a")] }), placed(), { turn: 0, avoid }))).toBe("p/p-a");
  });

  test("strict: the same replica for the same model, whatever the policy and the load", () => {
    const task = placed({ determinism: "strict" });
    const first = told(chooseReplica(pool("p"), task, NOW));
    const loaded = pool("p", { policy: "round-robin", replicas: [replica("p-b", { slotsFree: 1 }), replica("p-a", { slotsFree: 1 })] });
    expect(told(chooseReplica(loaded, task, { turn: 7 }))).toBe(first);
  });
});

test("an explanation names what was weighed and what was filtered", () => {
  const pools = [
    pool("b", { replicas: [replica("x", { slotsFree: 1 }), replica("y"), replica("z", { broken: true })] }),
    pool("a", { models: ["other"] }),
  ];
  expect(explain(pools, placed(), NOW)).toEqual({
    pool: "b",
    replica: "y",
    reason: "pool: least-loaded; replica: least-loaded",
    candidates: [
      { pool: "b", score: 0.25 },
      { pool: "b", replica: "y", score: 0 },
      { pool: "b", replica: "x", score: 0.75 },
    ],
    filtered: [
      { pool: "a", why: "model" },
      { pool: "b", replica: "z", why: "broken" },
    ],
  });
  expect(explain([], placed(), NOW)).toMatchObject({ pool: null, replica: null, candidates: [] });
});
