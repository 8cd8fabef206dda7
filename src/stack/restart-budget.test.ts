import { expect, test } from "bun:test";
import fc from "fast-check";
import { decideAdmission, defaultBudget, RestartBudget } from "./restart-budget.ts";

test("never more than so many in any window, and whoever waits is told when there is room", () => {
  const limit = fc.record({ restarts: fc.integer({ min: 1, max: 20 }), windowMs: fc.integer({ min: 1, max: 5000 }) });
  fc.assert(
    fc.property(limit, fc.array(fc.nat(500), { maxLength: 300 }), (bounds, steps) => {
      const admitted: number[] = [];
      let [taken, now]: [readonly number[], number] = [[], 0];
      for (const step of steps) {
        now += step;
        const next = decideAdmission(taken, bounds, now);
        taken = next.taken;
        if (next.waitMs === 0) admitted.push(now);
        else expect(decideAdmission(taken, bounds, now + next.waitMs).waitMs).toBe(0);
        expect(taken.length).toBeLessThanOrEqual(bounds.restarts);
        expect(admitted.filter((at) => now - at < bounds.windowMs).length).toBeLessThanOrEqual(bounds.restarts);
      }
    }),
  );
});

test("that it is used up is told once, and again only after there was room for half of them", () => {
  let now = 0;
  const told: number[] = [];
  const budget = new RestartBudget({
    clock: { monotonic: () => now },
    limit: () => ({ restarts: 4, windowMs: 100 }),
    onExhausted: ({ restarts }) => told.push(restarts),
  });
  for (let n = 0; n < 10; n++) budget.admit();
  now = 100;
  for (let n = 0; n < 10; n++) budget.admit();
  expect(told).toEqual([4, 4]);
  for (now = 101; now < 180; now += 10) budget.admit();
  expect(told).toEqual([4, 4]);
});

test("a stack that says nothing has two for each instance, at least thirty, in ten seconds", () => {
  expect(defaultBudget(3)).toEqual({ restarts: 30, windowMs: 10_000 });
  expect(defaultBudget(200)).toEqual({ restarts: 400, windowMs: 10_000 });
});
