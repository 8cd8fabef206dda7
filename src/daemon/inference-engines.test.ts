import { expect, test } from "bun:test";
import { NO_METER } from "../inference/meter.ts";
import { Gpus } from "../inference/pools/gpu.ts";
import { BookEngines, IdleWork } from "../inference/pools/registry.fake.ts";
import { Pools } from "../inference/pools/registry.ts";
import { FakeClock } from "../kernel/clock.ts";
import type { ServiceSpec } from "../stack/spec.ts";
import type { Stacks } from "../stack/stacks.ts";
import type { Slot } from "../supervise/instance.ts";
import { servicePool } from "./engine-pool.ts";
import { StackEngines } from "./inference-engines.ts";

const MIB = 1024 * 1024;

function specOf(labels: Record<string, string>, more: Partial<ServiceSpec> = {}): ServiceSpec {
  return { name: "llm", labels, ports: [{ container: 8000, protocol: "tcp" }], env: {}, ...more } as ServiceSpec;
}

function slotOf(id: string, more: Partial<Slot> = {}): Slot {
  const slot: Partial<Slot> = { id, stack: "s", service: "llm", replica: 0, wanted: "run", state: "Running", ready: true, wasReady: true };
  return { ...slot, ports: { "8000": id.charCodeAt(0) }, ...more } as Slot;
}

function rig(slots: Slot[]) {
  const [clock, engines, work] = [new FakeClock(), new BookEngines(), new IdleWork()];
  const pools = new Pools({ clock, adapters: () => engines, work, meter: NO_METER });
  const spec = specOf({ pool: "p", engine: "mock" });
  const stack = {
    snapshot: () => new Map([["llm", { spec, slots }]]),
    specOf: () => spec,
    supervisorsOf: () => slots.map((slot) => ({ slot })),
  };
  const stacks = { find: () => stack, names: () => ["s"] } as unknown as Stacks;
  const never = (): never => {
    throw new Error("nothing is reloaded here");
  };
  const own = new StackEngines({
    stacks,
    requests: { reload: never },
    runs: { settled: never, list: never },
    pools,
    load: (id) => work.load(id),
    gpus: new Gpus({ clock, env: { PATH: "/nowhere" } }),
    clock,
    modelPath: () => undefined,
  });
  own.tell("s");
  const states = (): unknown[] => pools.get("p")?.replicas.map(({ id, ready, draining }) => [id, ready, draining]) ?? [];
  return { clock, engines, work, own, states, slots };
}

const UP = { props: { models: ["m"] } };

test("an instance that is to stop takes tasks until its successor has answered, then ends those it has", async () => {
  const old = slotOf("a");
  const { clock, engines, work, own, states, slots } = rig([old, slotOf("b")]);
  engines.says.set("http://127.0.0.1:97", UP);
  await clock.advance(0);
  work.inFlight.set("p", new Map([["llm-0-a", 1]]));
  slots[0] = { ...old, state: "Stopping", ready: false };
  own.tell("s");
  let gone = false;
  const force = new AbortController();
  const leaving = own.leaving(slots[0], { drainTimeoutMs: 10_000, force: force.signal }).then(() => (gone = true));
  await clock.advance(400);
  expect(states()).toEqual([
    ["llm-0-a", true, false],
    ["llm-0-b", false, false],
  ]);
  engines.says.set("http://127.0.0.1:98", UP);
  await clock.advance(200);
  expect(states()).toEqual([
    ["llm-0-a", true, true],
    ["llm-0-b", true, false],
  ]);
  expect(gone).toBe(false);
  work.inFlight.clear();
  await clock.advance(20);
  expect(gone).toBe(true);
  await leaving;
});

test("it is not waited for any longer than the drain timeout, nor when it is forced", async () => {
  const { clock, engines, work, own } = rig([slotOf("a")]);
  engines.says.set("http://127.0.0.1:97", UP);
  await clock.advance(0);
  work.inFlight.set("p", new Map([["llm-0-a", 1]]));
  const ended: string[] = [];
  const forced = new AbortController();
  void own.leaving(slotOf("a"), { drainTimeoutMs: 1000, force: new AbortController().signal }).then(() => ended.push("late"));
  void own.leaving(slotOf("a"), { drainTimeoutMs: 1000, force: forced.signal }).then(() => ended.push("forced"));
  await clock.advance(500);
  expect(ended).toEqual([]);
  forced.abort();
  await clock.advance(0);
  expect(ended).toEqual(["forced"]);
  await clock.advance(520);
  expect(ended).toEqual(["forced", "late"]);
});

test("labels say what the engine is; what they say wrong is told", () => {
  const replicaOf = (labels: Record<string, string>, slot: Slot = slotOf("a"), more: Partial<ServiceSpec> = {}) => {
    const spec = specOf({ pool: "p", ...labels }, more);
    return servicePool(
      spec,
      [{ slot, spec, left: false }],
      [
        { index: 0, name: "A", totalBytes: 8 * MIB, freeBytes: 4 * MIB },
        { index: 1, name: "B", totalBytes: 16 * MIB, freeBytes: 2 * MIB },
      ],
    ).replicas[0];
  };
  expect(replicaOf({ engine: "vllm", models: " a, b ,", slots: "3" })).toEqual({
    id: "llm-0-a",
    endpoint: { url: "http://127.0.0.1:97" },
    draining: false,
    models: ["a", "b"],
    slotsTotal: 3,
    vramTotalBytes: 24 * MIB,
    vramFreeBytes: 6 * MIB,
  });
  expect(replicaOf({}, slotOf("a"), { env: { CUDA_VISIBLE_DEVICES: "1" } })).toMatchObject({ vramTotalBytes: 16 * MIB });
  expect(replicaOf({}, slotOf("a"), { env: { CUDA_VISIBLE_DEVICES: "" } })).not.toHaveProperty("vramTotalBytes");
  expect(replicaOf({ engine: "ollama" })).toMatchObject({
    ready: false,
    lastError: expect.stringContaining("label engine: must be one of"),
  });
  for (const pool of ["", "a/b", "*", "-x", "a b", "x".repeat(129)]) {
    const wrong = servicePool(specOf({ pool }), [{ slot: slotOf("a"), spec: specOf({ pool }), left: false }], []);
    expect(wrong).toMatchObject({
      id: "misnamed",
      replicas: [{ ready: false, lastError: expect.stringContaining("label pool: must begin") }],
    });
  }
  expect(replicaOf({ slots: "many" })).toMatchObject({ ready: false, lastError: expect.stringContaining("label slots") });
  expect(replicaOf({}, slotOf("a"), { ports: [] })).toMatchObject({ ready: false, lastError: expect.stringContaining("declares no port") });
  expect(replicaOf({}, slotOf("a", { address: "fd00::7" }))).toMatchObject({ endpoint: { url: "http://[fd00::7]:97" } });
  expect(replicaOf({}, slotOf("a", { ports: undefined, state: "Pending", ready: false }))).toBeUndefined();
  expect(replicaOf({}, slotOf("a", { state: "Starting", ready: false }))).toMatchObject({
    ready: false,
    lastError: "its instance is Starting",
  });
  expect(replicaOf({}, slotOf("a", { traffic: "held" }))).toMatchObject({ draining: true });
});

test("a reload that fails in one service takes back all the others, and tells of each that it cannot", async () => {
  const names = ["a", "b", "c", "d"];
  const services = Object.fromEntries(names.map((name) => [name, specOf({ pool: "p" }, { name, env: { ORCO_MODEL: "old" } })]));
  const asked: string[] = [];
  const own = new StackEngines({
    stacks: { find: () => ({ record: { spec: { services } } }), names: () => ["s"] } as unknown as Stacks,
    requests: {
      reload: async (_stack, service, { env }) => {
        asked.push(`${service} ${env["ORCO_MODEL"]}`);
        return { id: asked.at(-1) } as never;
      },
    },
    runs: {
      list: () => [],
      settled: async (run: string) =>
        (["d new", "b old"].includes(run) ? { status: "failed", error: { message: `${run} failed` } } : { status: "completed" }) as never,
    },
    pools: { replace: () => undefined, get: () => undefined },
    load: () => ({ queueDepth: 0, inFlight: new Map() }),
    gpus: new Gpus({ clock: new FakeClock(), env: {} }),
    clock: new FakeClock(),
    modelPath: () => undefined,
  });
  const error = await own.reload("p", "new").catch((thrown: unknown) => thrown);
  expect(asked).toEqual(["a new", "b new", "c new", "d new", "c old", "b old", "a old"]);
  expect(String(error)).toContain("d new failed; and what had gone over stays so: s/b: b old failed");
});

test("what became of a reload of a former daemon is read off its updates and the services", async () => {
  const env = (model: string) => ({ env: { ORCO_MODEL_REF: model } });
  const services = Object.fromEntries(["a", "b"].map((name) => [name, specOf({ pool: "p" }, { name, ...env("old") })]));
  const run = (service: string, more: object) => ({
    id: service,
    kind: "reload",
    labels: { service },
    input: env("new"),
    createdAt: 5,
    ...more,
  });
  const runs: object[] = [
    run("a", { kind: "apply", error: { message: "of something else" } }),
    run("a", { input: env("other"), error: { message: "of another model" } }),
  ];
  const own = new StackEngines({
    stacks: { find: () => ({ record: { spec: { services } } }), names: () => ["s"] } as unknown as Stacks,
    requests: { reload: () => Promise.reject(new Error("nothing is reloaded here")) },
    runs: {
      list: () => runs as never,
      settled: async (id: string) => {
        const found = runs.find((one) => (one as { id: string }).id === id) as { settled?: Promise<never> };
        await found.settled;
        return found as never;
      },
    },
    pools: { replace: () => undefined, get: () => undefined },
    load: () => ({ queueDepth: 0, inFlight: new Map() }),
    gpus: new Gpus({ clock: new FakeClock(), env: {} }),
    clock: new FakeClock(),
    modelPath: () => undefined,
  });
  const told = (at = 5): Promise<string> => own.reloaded({ pool: "p", model: "new", at }).then(() => "it did", (error: unknown) => String(error)); // prettier-ignore
  expect(await told()).toContain("the daemon ended before s/a went over; reload it again; the daemon ended before s/b");
  expect(await own.reloaded({ pool: "q", model: "new", at: 5 }).catch(String)).toContain("in the midst of it");
  runs.splice(0, 2, run("b", { error: { message: "update of b failed; the former version was restored" } }));
  services["a"] = specOf({ pool: "p" }, { name: "a", ...env("new") });
  expect(await told()).toContain("update of b failed; the former version was restored; and what had gone over stays so: s/a");
  expect(await told(6)).toContain("the daemon ended before s/b went over");
  // What takes a back has been asked for, and is not through.
  const back = Promise.withResolvers<never>();
  runs.unshift(run("a", { input: env("old"), settled: back.promise }));
  const toldLater = told();
  const later = new Promise<string>((resolve) => setImmediate(() => resolve("waits")));
  expect(await Promise.race([toldLater, later])).toBe("waits");
  services["a"] = specOf({ pool: "p" }, { name: "a", ...env("old") });
  back.resolve({} as never);
  expect(await toldLater).not.toContain("stays so");
  services["a"] = specOf({ pool: "p" }, { name: "a", ...env("new") });
  services["b"] = specOf({ pool: "p" }, { name: "b", ...env("new") });
  expect(await told()).toBe("it did");
});

test("of instances that have gone nothing is remembered", async () => {
  const [old, next] = [slotOf("a", { state: "Stopping" }), slotOf("b")];
  const { clock, own, slots } = rig([old, next]);
  const leaving = own.leaving(old, { drainTimeoutMs: 0, force: new AbortController().signal });
  await clock.advance(100);
  await leaving;
  const sizes = (): number => Object.values(own).reduce<number>((sum, one) => sum + (one instanceof Map && one.has("s") ? 1 : 0), 0);
  expect(sizes()).toBe(2);
  // Its end and its removal come in one turn.
  slots.shift();
  own.tell("s");
  expect(sizes()).toBe(1);
});
