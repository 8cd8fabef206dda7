import { expect, test } from "bun:test";
import { FakeClock } from "../../kernel/clock.ts";
import { type Deadline, Deadlines } from "./deadlines.ts";

function entry(dueAt: number, expired: number[]): Deadline {
  return { dueAt, expire: (now) => void expired.push(now) };
}

test("whoever is over time is told once", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const expired: number[] = [];
  deadlines.watch(entry(deadlines.in(250), expired));
  await clock.advance(300);
  expect(expired).toEqual([]);
  await clock.advance(800);
  expect(expired).toEqual([400]);
});

test("a deadline that moves on does not expire", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const expired: number[] = [];
  const moving = entry(deadlines.in(150), expired);
  deadlines.watch(moving);
  await clock.advance(100);
  moving.dueAt = deadlines.in(150);
  await clock.advance(100);
  expect(expired).toEqual([]);
});

test("nobody is told too early, whenever the deadline was set", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  deadlines.watch(entry(Infinity, []));
  await clock.advance(199);
  const expired: number[] = [];
  deadlines.watch(entry(deadlines.in(100), expired));
  await clock.advance(99);
  expect(expired).toEqual([]);
  await clock.advance(102);
  expect(expired).toEqual([300]);
});

test("0 is no limit, and nobody watched needs no timer", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const expired: number[] = [];
  const forever = entry(deadlines.in(0), expired);
  deadlines.watch(forever);
  await clock.advance(1_000_000);
  expect(expired).toEqual([]);
  deadlines.forget(forever);
  await clock.advance(200);
  expect(clock.pendingTimers).toBe(0);
});

test("an entry that fails does not end the time of the others", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const expired: number[] = [];
  const defect = (): void => {
    throw new Error("a defect");
  };
  deadlines.watch({ dueAt: 50, expire: defect });
  deadlines.watch(entry(50, expired));
  await clock.advance(100).catch(() => undefined);
  await clock.advance(100);
  expect(expired).toEqual([200]);
});
