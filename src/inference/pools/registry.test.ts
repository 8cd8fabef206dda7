import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FakeClock } from "../../kernel/clock.ts";
import { NO_METER } from "../meter.ts";
import type { EngineKind } from "../request.ts";
import type { PoolSource } from "./pool.ts";
import { BookEngines, IdleWork } from "./registry.fake.ts";
import { Pools } from "./registry.ts";
import type { SourcePool } from "./source.ts";

function rig() {
  const [clock, engines, work] = [new FakeClock(), new BookEngines(), new IdleWork()];
  const pools = new Pools({ clock, adapters: () => engines, work, meter: NO_METER });
  return { clock, engines, work, pools };
}

function pool(id: string, replicas: readonly string[], more: Partial<SourcePool> = {}): SourcePool {
  return {
    id,
    engine: "mock",
    models: ["m"],
    replicas: replicas.map((name) => ({ id: name, endpoint: { url: `http://${name}` } })),
    ...more,
  };
}

const UP = { props: { models: ["m"] } };

test("several nodes with one pool are its replicas; one that goes takes only its own", async () => {
  const { clock, engines, pools, work } = rig();
  for (const name of ["n1", "n2"]) engines.says.set(`http://${name}`, UP);
  pools.replace("node", "n1", [pool("p", ["n1"]), pool("q", ["n1"])]);
  pools.replace("node", "n2", [pool("p", ["n2"])]);
  await clock.advance(0);
  expect(pools.get("p")?.replicas.map(({ id, ready }) => [id, ready])).toEqual([
    ["n1", true],
    ["n2", true],
  ]);
  expect(pools.list().map(({ id }) => id)).toEqual(["p", "q"]);
  work.told.length = 0;
  pools.replace("node", "n1", []);
  expect(work.told).toEqual(["changed p", "changed q"]);
  expect(pools.get("p")?.replicas.map(({ id, ready }) => [id, ready])).toEqual([["n2", true]]);
  expect(pools.get("q")).toBeUndefined();
  work.told.length = 0;
  pools.replace("node", "n2", [pool("p", ["n2"])]);
  expect(work.told).toEqual([]);
});

test("of two sources the API counts, and says who else has the pool; when it goes the other one is heard", () => {
  const { pools } = rig();
  pools.replace("manager", "http://m:9200", [pool("p", ["far"])]);
  pools.replace("api", "p", [pool("p", ["near"])]);
  expect(pools.get("p")).toMatchObject({
    source: "api",
    replicas: [{ id: "near" }],
    lastError: "pool manager http://m:9200 has a pool of this id too: that is not used, the API counts",
  });
  pools.replace("api", "p", []);
  expect(pools.get("p")).toMatchObject({ source: "manager", replicas: [{ id: "far" }] });
  expect(pools.get("p")?.lastError).toBeUndefined();
});

test("a node with another engine is no replica", () => {
  const { pools } = rig();
  pools.replace("node", "a", [pool("p", ["a"])]);
  pools.replace("node", "b", [pool("p", ["b"], { engine: "vllm" })]);
  expect(pools.get("p")).toMatchObject({
    replicas: [{ id: "a" }],
    lastError: "node b says that its engine is vllm: that is not used, node a counts",
  });
});

test("replicas that serve different models say which; one that names none is not ready", async () => {
  const { clock, engines, pools } = rig();
  engines.says.set("http://a", { props: { models: ["x", "y"] } });
  engines.says.set("http://b", { props: { models: ["y"] } });
  engines.says.set("http://c", {});
  pools.replace("api", "p", [pool("p", ["a", "b", "c"], { models: [] })]);
  await clock.advance(0);
  expect(pools.get("p")).toMatchObject({ models: ["x", "y"] });
  const [a, b, c] = pools.get("p")?.replicas ?? [];
  expect([a?.models, b?.models, c?.ready]).toEqual([undefined, ["y"], false]);
  expect(c?.lastError).toBe("it does not say what it serves: no such path");
});

test("slots: as configured, else as the engine says, else what its kind takes", async () => {
  const { clock, engines, pools } = rig();
  engines.says.set("http://a", { props: { models: ["m"], slots: 7 } });
  engines.says.set("http://b", UP);
  const slotsOf = async (engine: EngineKind, name: string, slotsTotal?: number) => {
    const endpoint = { url: `http://${name}` };
    pools.replace("api", "p", [{ id: "p", engine, replicas: [{ id: name, endpoint, ...(slotsTotal !== undefined && { slotsTotal }) }] }]);
    await clock.advance(0);
    return pools.get("p")?.replicas[0]?.slotsTotal;
  };
  expect(await slotsOf("llamacpp", "a", 3)).toBe(3);
  expect(await slotsOf("llamacpp", "a")).toBe(7);
  expect(await slotsOf("llamacpp", "b")).toBe(1);
  expect(await slotsOf("vllm", "b")).toBe(256);
});

test("an engine whose source says that it is not ready is not asked; its models stay known", async () => {
  const { clock, engines, pools } = rig();
  engines.says.set("http://a", UP);
  const restarting = pool("p", ["a"], { models: [] });
  pools.replace("stack", "s/llm", [restarting]);
  await clock.advance(0);
  engines.asked.length = 0;
  pools.replace("stack", "s/llm", [
    { ...restarting, replicas: restarting.replicas.map((one) => ({ ...one, ready: false, lastError: "its instance is Starting" })) },
  ]);
  await clock.advance(10_000);
  expect(engines.asked).toEqual([]);
  expect(pools.get("p")).toMatchObject({ models: ["m"], replicas: [{ ready: false, lastError: "its instance is Starting" }] });
  pools.replace("stack", "s/llm", [restarting]);
  expect(pools.get("p")).toMatchObject({ models: ["m"], replicas: [{ ready: false }] });
  await clock.advance(0);
  expect(pools.get("p")).toMatchObject({ models: ["m"], replicas: [{ ready: true }] });
});

describe("a drain", () => {
  test("ends what is left at its deadline, once, unless it was renewed", async () => {
    const { clock, pools, work } = rig();
    pools.replace("node", "n", [pool("p", ["n"])]);
    const entry = pools.entry("p");
    entry?.drain.begin(1000);
    pools.refresh("p");
    expect(pools.get("p")?.draining).toBe(true);
    entry?.drain.begin(5000);
    await clock.advance(4999);
    expect(work.told.filter((one) => one.startsWith("expire"))).toEqual([]);
    await clock.advance(1);
    expect(work.told.filter((one) => one.startsWith("expire"))).toEqual(["expire p"]);
    expect(pools.get("p")?.draining).toBe(true);
    entry?.drain.begin(1000);
    entry?.renew();
    pools.refresh("p");
    await clock.advance(10_000);
    expect(work.told.filter((one) => one.startsWith("expire"))).toEqual(["expire p"]);
    expect(pools.get("p")?.draining).toBe(false);
  });

  test("goes with its pool", async () => {
    const { clock, pools, work } = rig();
    pools.replace("node", "n", [pool("p", ["n"])]);
    pools.entry("p")?.drain.begin(1000);
    pools.replace("node", "n", []);
    await clock.advance(5000);
    expect(work.told).not.toContain("expire p");
    expect(clock.pendingTimers).toBe(0);
  });
});

const sources: readonly PoolSource[] = ["api", "stack", "node", "manager"];
const statement = fc.record({
  source: fc.constantFrom(...sources),
  key: fc.constantFrom("k1", "k2", "k3"),
  ids: fc.uniqueArray(fc.constantFrom("p", "q", "r"), { maxLength: 3 }),
  engine: fc.constantFrom<EngineKind>("mock", "vllm"),
  draining: fc.boolean(),
});

test("whatever the sources say, in whatever order: a pool is what the first source that has it says, and nothing is left of what has gone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(statement, { maxLength: 40 }), async (statements) => {
      const { clock, pools, work } = rig();
      const model = new Map<string, (typeof statements)[number]>();
      for (const one of statements) {
        const before = new Map(pools.list().map((facts) => [facts.id, facts]));
        work.told.length = 0;
        const said = one.ids.map((id) => pool(id, [`${one.source}-${one.key}`], { engine: one.engine, draining: one.draining }));
        pools.replace(one.source, one.key, said);
        model.set(`${one.source}/${one.key}`, one);
        expect(pools.list().map((facts) => facts.id)).toEqual([...new Set([...model.values()].flatMap(({ ids }) => ids))].toSorted());
        for (const facts of pools.list()) {
          const claims = [...model.values()].filter(({ ids }) => ids.some((id) => id === facts.id));
          const source = sources.find((kind) => claims.some((claim) => claim.source === kind));
          const same = claims.filter((claim) => claim.source === source).toSorted((a, b) => (a.key < b.key ? -1 : 1));
          const heard = same.filter(({ engine }) => engine === same[0]?.engine);
          expect([facts.source, facts.engine]).toEqual([source, same[0]?.engine] as [PoolSource, EngineKind]);
          expect(facts.replicas.map(({ id, draining }) => [id, draining])).toEqual(
            heard.map(({ key, draining }) => [`${source}-${key}`, draining]),
          );
          expect(facts.lastError === undefined).toBe(heard.length === claims.length);
        }
        // Whoever runs tasks is told of what has changed, and of nothing else.
        const ids = new Set([...before.keys(), ...pools.list().map(({ id }) => id)]);
        const changed = [...ids].filter((id) => !Bun.deepEquals(before.get(id), pools.get(id)));
        expect(work.told.toSorted()).toEqual(changed.map((id) => `changed ${id}`).toSorted());
        expect(pools.list()).toBe(pools.list());
      }
      await clock.advance(3000);
      pools.close();
      await clock.advance(10_000);
      expect(clock.pendingTimers).toBe(0);
    }),
    { numRuns: 100 },
  );
}, 60_000);

test("however many engines are silent, one that answers is asked every two seconds, and seen to die", async () => {
  const { clock, engines, pools } = rig();
  engines.says.set("http://good", UP);
  const holes = Array.from({ length: 300 }, (_, n) => `hole${n}`);
  for (const hole of holes) engines.silent.add(`http://${hole}`);
  pools.replace("node", "bad", [pool("holes", holes)]);
  // Until each of them was silent once.
  await clock.advance(60_000);
  pools.replace("api", "p", [pool("p", ["good"])]);
  await clock.advance(0);
  expect(pools.get("p")?.replicas[0]?.ready).toBe(true);
  engines.asked.length = 0;
  await clock.advance(20_000);
  expect(engines.asked.filter((url) => url === "http://good").length).toBeGreaterThanOrEqual(9);
  engines.says.delete("http://good");
  await clock.advance(2300);
  expect(pools.get("p")?.replicas[0]?.ready).toBe(false);
  pools.close();
});
