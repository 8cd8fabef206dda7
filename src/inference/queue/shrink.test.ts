import { describe, expect, test } from "bun:test";
import { processorTime } from "../../../test/processor-time.ts";
import { Drain } from "./eta.ts";
import { sampled } from "./shrink.ts";

interface Pool {
  readonly slots: number;
  readonly position: number;
  readonly foreign?: boolean;
  readonly ms?: number;
}

/** Of a pool whose tasks take half a minute or so, and have begun one after the other. */
function predicted({ slots, position, foreign = false, ms = 30_000 }: Pool): number {
  const drain = new Drain({ ageingMs: 30_000 });
  for (let n = 0; n < 100; n++) {
    drain.began(`t${n}`, { at: 0 });
    drain.ended(`t${n}`, ms * (0.5 + (n % 10) / 10));
  }
  if (!foreign) for (let n = 0; n < slots; n++) drain.began(`r${n}`, { at: ms + (n * ms) / slots });
  return drain.predict({ position, slotsTotal: slots, slotsFree: 0 }, 2 * ms);
}

describe("a pool of many slots", () => {
  test.each([
    [1000, 99, 10],
    [1000, 2999, 10],
    [700, 499, 4],
  ])("of %d slots at place %d starts as one %d times as large at as many times the place", (slots, position, times) => {
    const small = predicted({ slots, position });
    const large = predicted({ slots: slots * times, position: (position + 1) * times - 1 });
    expect(large / small).toBeWithin(0.8, 1.25);
  });

  test("has its first slot free sooner the larger it is, down to what nobody minds", () => {
    const hour = { position: 0, ms: 3_600_000 };
    const times = [500, 1000, 2000, 10_000, 100_000].map((slots) => predicted({ ...hour, slots }));
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    expect((times[1] ?? 0) / (times[2] ?? 0)).toBeWithin(1.3, 3);
    expect((times[1] ?? 0) / (times[3] ?? 0)).toBeWithin(3, 30);
    expect(predicted({ ...hour, slots: 10_000_000, foreign: true })).toBe(25);
  });

  test("costs no more than one of a thousand", () => {
    const drain = new Drain({ ageingMs: 30_000 });
    const once = (slotsTotal: number): number => {
      const spent = processorTime();
      for (let n = 0; n < 5; n++) drain.predict({ position: 5, slotsTotal, slotsFree: 0 }, 0);
      return spent();
    };
    const took = (slotsTotal: number): number => Math.min(...[1, 2, 3].map(() => once(slotsTotal)));
    took(1000);
    // Before: a thousand times as long, and 3 s each.
    expect(took(1_000_000)).toBeLessThan(20 * Math.max(1, took(1000)));
  });
});

test("a sample has its share, evenly spread", () => {
  const all = Array.from({ length: 10 }, (_, n) => n);
  expect(sampled(all, 1)).toEqual(all);
  expect(sampled(all, 0.5)).toEqual([1, 3, 5, 7, 9]);
  expect(sampled(all, 0.3)).toEqual([3, 6, 9]);
  expect(sampled(all, 0.05)).toEqual([]);
});
