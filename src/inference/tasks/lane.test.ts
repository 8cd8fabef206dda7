import { expect, test } from "bun:test";
import { poolOf } from "./desk.fake.ts";
import { Lane } from "./lane.ts";

function laneOf(now: () => number): Lane {
  const breaker = { failures: 5, openMs: 10_000 };
  return new Lane(poolOf("a", { r1: 1 }), { capacity: 1, admission: "reject", ageingMs: 30_000, policy: "least-loaded", breaker, now });
}

test("refusals of a tenth of a second are told the same time, unless a slot is free", () => {
  let now = 1000;
  const lane = laneOf(() => now);
  const replica = lane.replica("r1");
  if (!replica) throw new Error("a replica was made");
  expect(lane.untilPlaceFree()).toBe(0);
  replica.inFlight = 1;
  lane.drain.began("t1", { at: 0, expectedTokens: 1000 });
  const told = lane.untilPlaceFree();
  expect(told).toBeGreaterThan(0);
  lane.drain.began("t1", { at: 0, expectedTokens: 10 });
  now += 99;
  expect(lane.untilPlaceFree()).toBe(told);
  now += 1;
  expect(lane.untilPlaceFree()).toBeLessThan(told);
  replica.inFlight = 0;
  expect(lane.untilPlaceFree()).toBe(0);
});

test("no place is free before the next probe while every circuit is open", () => {
  let now = 0;
  const lane = laneOf(() => now);
  const breaker = lane.replica("r1")?.breaker;
  for (let n = 0; n < 5; n++) breaker?.failed(now);
  expect(lane.untilPlaceFree()).toBe(10_000);
  now = 9000;
  expect(lane.untilPlaceFree()).toBe(1000);
  now = 10_000;
  expect(lane.untilPlaceFree()).toBe(0);
});

test("that a task behind an open circuit ends frees no slot of the others", () => {
  let now = 0;
  const breaker = { failures: 5, openMs: 60_000 };
  const options = { capacity: 10, admission: "reject", ageingMs: 30_000, policy: "least-loaded", breaker, now: () => now } as const;
  const lane = new Lane(poolOf("a", { r1: 4, r2: 1 }), options);
  const [shut, open] = ["r1", "r2"].map((id) => lane.replica(id));
  if (!shut || !open) throw new Error("both were made");
  for (let n = 0; n < 50; n++) {
    lane.drain.began(`w${n}`, { at: now });
    now += 20_000;
    lane.drain.ended(`w${n}`, now);
  }
  lane.drain.began("nearly through", { at: now, replica: "r1" });
  shut.inFlight = 1;
  now += 19_000;
  lane.drain.began("just begun", { at: now, replica: "r2" });
  open.inFlight = 1;
  for (let n = 0; n < 5; n++) shut.breaker.failed(now);
  expect(lane.predict({ position: 0, priority: "interactive" }, now)).toBeGreaterThan(15_000);
  expect(lane.untilPlaceFree()).toBeGreaterThan(15_000);
});

test("what sources say of a thousand replicas is matched with those that are known by a look at each, not at each pair", () => {
  const lane = laneOf(() => 0);
  let reads = 0;
  const many = poolOf("a", Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`r${n}`, 1])));
  const counted = many.replicas.map((replica) => ({
    ...replica,
    get id() {
      reads += 1;
      return replica.id;
    },
  }));
  lane.update(many);
  const before = lane.replicas;
  lane.update({ ...many, replicas: counted });
  expect(reads).toBeLessThan(10_000);
  expect(lane.replicas.every((replica, at) => replica === before[at])).toBe(true);
});
