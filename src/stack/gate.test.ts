import { expect, test } from "bun:test";
import { serviceSpec, slotOf } from "../../test/spec.ts";
import type { Slot } from "../supervise/instance.ts";
import { degraded, gateOf, holds, hopeless, isSettled, type Snapshot } from "./gate.ts";
import type { Dependency, ServiceSpec } from "./spec.ts";

const needs = (target: string, require: Dependency["require"] = "ready", timeoutMs?: number): Dependency => ({
  target,
  require,
  ...(timeoutMs !== undefined && { timeoutMs }),
});

function world(...services: readonly [ServiceSpec, readonly Slot[], string?][]): Snapshot {
  return new Map(services.map(([spec, slots, detail = ""]) => [spec.name, { spec, slots, detail }]));
}

const api = serviceSpec("api", { dependsOn: [needs("db", "ready", 60_000)] });
const waiting = slotOf("api", { state: "Pending", ready: false });

test("what each requirement asks of a service", () => {
  const db = serviceSpec("db", { replicas: 2 });
  const pending = [slotOf("db", { state: "Pending", ready: false }), slotOf("db", { replica: 1, state: "Pending", ready: false })];
  const unready = pending.map((slot) => ({ ...slot, state: "Running" as const }));
  const ready = unready.map((slot) => ({ ...slot, ready: true }));
  const completed = ready.map((slot) => ({ ...slot, state: "Stopped" as const, ready: false, reason: "completed" }));
  const table = [[], pending, unready, ready, completed].map((slots) =>
    (["exists", "started", "ready", "completed"] as const).map((require) => holds(require, { spec: db, slots, detail: "" })),
  );
  expect(table).toEqual([
    [false, false, false, false],
    [true, false, false, false],
    [true, true, false, false],
    [true, true, true, false],
    [true, true, true, true],
  ]);
});

test("one of two replicas is enough only where the update policy may take one away", () => {
  const slots = [slotOf("db"), slotOf("db", { replica: 1, ready: false })];
  const spec = (maxUnavailable: number) => serviceSpec("db", { replicas: 2, update: { ...serviceSpec("db").update, maxUnavailable } });
  expect(holds("ready", { spec: spec(0), slots, detail: "" })).toBe(false);
  expect(holds("ready", { spec: spec(1), slots, detail: "" })).toBe(true);
});

test("a closed gate says what is missing, for how long it may be, and what the probe said", () => {
  const snapshot = world(
    [serviceSpec("db"), [slotOf("db", { ready: false, message: "probe failing: tcp connect 127.0.0.1:5432 refused" })]],
    [api, [waiting]],
  );
  expect(gateOf("api", snapshot)).toEqual({
    open: false,
    waitingFor: "db (ready)",
    why: "api blocked: dependency db not Ready (timeout 60s, probe failing: tcp connect 127.0.0.1:5432 refused)",
    timeoutMs: 60_000,
  });
});

test("a dependency that gave up makes its dependents hopeless, with the chain; one that still tries does not", () => {
  const web = serviceSpec("web", { dependsOn: [needs("api")] });
  const failed = slotOf("db", { state: "Failed", ready: false, reason: "retries_exhausted", message: "exit code 1" });
  const trying = slotOf("db", { state: "Pending", ready: false, reason: "instance_crash" });
  const chain = (db: Slot) =>
    hopeless("web", world([serviceSpec("db"), [db]], [api, [waiting]], [web, [slotOf("web", { state: "Pending", ready: false })]]));
  expect(chain(failed)).toBe(
    "web blocked: dependency api not Ready (api blocked: dependency db not Ready (db failed (retries_exhausted): exit code 1))",
  );
  expect(chain(trying)).toBeUndefined();
  expect(chain(slotOf("db", { wanted: "stop", state: "Stopped", ready: false }))).toContain("db is stopped; orco start db starts it");
});

test("a service that runs is not hopeless because its dependency died, it is degraded", () => {
  const snapshot = world([serviceSpec("db"), [slotOf("db", { state: "Failed", ready: false })]], [api, [slotOf("api")]]);
  expect(hopeless("api", snapshot)).toBeUndefined();
  expect(degraded("api", snapshot, 0)).toBe("db unready");
  expect(gateOf("api", snapshot).open).toBe(false);
});

test("settled: ready, completed, or not wanted", () => {
  const spec = serviceSpec("x", { replicas: 2 });
  const settled = (...slots: readonly Partial<Slot>[]) =>
    isSettled({ spec, slots: slots.map((over, replica) => slotOf("x", { replica, ...over })), detail: "" }, 0);
  expect(settled({}, {})).toBe(true);
  expect(settled({}, { ready: false })).toBe(false);
  expect(settled({})).toBe(false);
  expect(settled({ state: "Stopped", ready: false, reason: "completed" }, {})).toBe(true);
  expect(settled({ wanted: "stop", ready: false }, { wanted: "stop", ready: false })).toBe(true);
  const oneShot = serviceSpec("x", { restartPolicy: { ...spec.restartPolicy, condition: "never" } });
  const after = (ms: number, over: Partial<Slot> = {}) =>
    isSettled({ spec: oneShot, slots: [slotOf("x", { startedAt: 0, ...over })], detail: "" }, ms);
  expect(after(9_999)).toBe(false);
  expect(after(10_000)).toBe(true);
  expect(after(0, { state: "Stopped", ready: false, reason: "completed" })).toBe(true);
});

test("forty layers of diamonds are judged at once", () => {
  const layer = (depth: number) => ["a", "b"].map((side) => `${side}${depth}`);
  const services = Array.from({ length: 40 }, (_, depth) =>
    layer(depth).map((name): [ServiceSpec, readonly Slot[]] => [
      serviceSpec(name, { dependsOn: depth === 0 ? [] : layer(depth - 1).map((target) => needs(target)) }),
      [slotOf(name, { state: "Pending", ready: false })],
    ]),
  ).flat();
  expect(hopeless("a39", world(...services))).toBeUndefined();
});

test("of several dependencies the shortest timeout ends the wait, in whatever order they are declared", () => {
  const both = serviceSpec("web", { dependsOn: [needs("cache"), needs("db", "ready", 9000), needs("queue", "ready", 5000)] });
  const found = world(
    [both, [slotOf("web", { state: "Pending", ready: false })]],
    [serviceSpec("cache"), []],
    [serviceSpec("db"), []],
    [serviceSpec("queue"), []],
  );
  expect(gateOf("web", found)).toMatchObject({
    open: false,
    waitingFor: "cache (ready)",
    timeoutMs: 5000,
    why: expect.stringContaining("dependency queue not Ready (timeout 5s"),
  });
});

test("a dependency that flaps counts as ready once it has stayed so for as long as its flapping asks for", () => {
  const now = 1_000_000;
  const flaps = [now - 3000, now - 2000, now - 1000, now - 400];
  const db = (readyAt: number): Slot => slotOf("db", { flaps, readyAt });
  const at = (readyAt: number, when = now) => gateOf("api", world([serviceSpec("db"), [db(readyAt)]], [api, []]), when);
  expect(at(now - 300)).toEqual({
    open: false,
    waitingFor: "db (to stay ready: 4 times unready in the last minute)",
    why: "api waits for db (to stay ready: 4 times unready in the last minute)",
    againMs: 1700,
  });
  expect(at(now - 2000)).toEqual({ open: true });
  expect(at(now - 300, now + 61_000)).toEqual({ open: true });
  const snapshot = world([serviceSpec("db"), [db(now)]], [api, [slotOf("api")]]);
  expect(degraded("api", snapshot, now)).toBe("db flapping: 4 times unready in the last minute");
  expect(degraded("db", snapshot, now)).toBe("flapping: 4 times unready in the last minute");
});
