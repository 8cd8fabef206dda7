import { expect, test } from "bun:test";
import fc from "fast-check";
import { flapping, settleMs, withFlap } from "./flaps.ts";

test("three times in a minute is a pattern, and a minute later it is forgotten", () => {
  let flaps: number[] = [];
  for (const at of [0, 1000, 2000]) flaps = withFlap(flaps, at);
  expect(flapping(flaps.slice(0, 2), 2000)).toBeUndefined();
  expect(flapping(flaps, 2000)).toBe(3);
  expect(flapping(flaps, 60_500)).toBeUndefined();
  expect(withFlap(flaps, 100_000)).toEqual([100_000]);
});

test("a clock that was set back does not make it flap for ever", () => {
  const flaps = [1_000_000, 1_000_100, 1_000_200];
  expect(flapping(flaps, 500_000)).toBeUndefined();
});

test("the list is bounded, and the time to settle grows to half a minute", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { maxLength: 200 }), (steps) => {
      let [flaps, now] = [[] as number[], 0];
      for (const step of steps) flaps = withFlap(flaps, (now += step));
      expect(flaps.length).toBeLessThanOrEqual(16);
      expect(flaps.every((at) => now - at <= 60_000)).toBe(true);
    }),
  );
  expect([3, 4, 5, 8, 100].map(settleMs)).toEqual([1000, 2000, 4000, 30_000, 30_000]);
});
