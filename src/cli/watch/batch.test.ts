import { expect, test } from "bun:test";
import fc from "fast-check";
import { restMs } from "./batch.ts";

test("300 ms of quiet, 2 s at most; while Git works, until it has finished", () => {
  expect(restMs({ firstAt: 0, lastAt: 0 }, { now: 0, gitIsBusy: false })).toBe(300);
  expect(restMs({ firstAt: 0, lastAt: 1000 }, { now: 1100, gitIsBusy: false })).toBe(200);
  expect(restMs({ firstAt: 0, lastAt: 1900 }, { now: 1950, gitIsBusy: false })).toBe(50);
  expect(restMs({ firstAt: 0, lastAt: 1990 }, { now: 2000, gitIsBusy: false })).toBe(0);
  expect(restMs({ firstAt: 0, lastAt: 1990 }, { now: 4000, gitIsBusy: true })).toBe(300);
  expect(restMs({ firstAt: 0, lastAt: 1990 }, { now: 10_000, gitIsBusy: true })).toBe(0);
});

test("whoever writes on and on is acted upon in time, and nobody before a moment of quiet", () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 290 }), { minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(gaps, (list) => {
      let now = 0;
      for (const gap of list) {
        const waitMs = restMs({ firstAt: 0, lastAt: now }, { now, gitIsBusy: false });
        if (waitMs <= gap) return expect(now + waitMs).toBeLessThanOrEqual(2000);
        expect(waitMs).toBeGreaterThan(0);
        now += gap;
      }
      return expect(now).toBeLessThanOrEqual(2000);
    }),
  );
});
