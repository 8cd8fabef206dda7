import { expect, test } from "bun:test";
import { FakeClock } from "../kernel/clock.ts";
import { onGrid } from "./grid.ts";

test("calls near one point share a timer and come together", async () => {
  const clock = new FakeClock();
  const calls: [string, number][] = [];
  const note = (name: string) => () => void calls.push([name, clock.monotonic()]);
  onGrid(clock, 400, note("a"));
  onGrid(clock, 620, note("b"));
  onGrid(clock, 630, note("c"));
  expect(clock.pendingTimers).toBe(2);
  await clock.advance(1000);
  expect(calls).toEqual([
    ["a", 500],
    ["b", 500],
    ["c", 750],
  ]);
});

test("a cancelled call does not come, and the last one takes the timer with it", async () => {
  const clock = new FakeClock();
  const calls: string[] = [];
  const first = onGrid(clock, 250, () => calls.push("first"));
  const second = onGrid(clock, 250, () => calls.push("second"));
  first();
  await clock.advance(250);
  second();
  expect(calls).toEqual(["second"]);
  const third = onGrid(clock, 500, () => calls.push("third"));
  third();
  third();
  expect(clock.pendingTimers).toBe(0);
});

test("a point that has passed is now", async () => {
  const clock = new FakeClock();
  await clock.advance(1030);
  const calls: number[] = [];
  onGrid(clock, 1030, () => calls.push(clock.monotonic()));
  await clock.advance(0);
  expect(calls).toEqual([1030]);
});
