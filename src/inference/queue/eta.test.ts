import { describe, expect, test } from "bun:test";
import { isHonest, type Outcome, shareHonest, simulate } from "./eta-load.fake.ts";
import { numbersOf, SIZED_LOADS, UNSIZED_LOADS } from "./eta-loads.fake.ts";
import { Drain } from "./eta.ts";

/** As many tasks have to have ended before predictions count. */
const MEASURED = 3;
const SEEDS = [1, 2, 3, 4, 5];

function outcomesOf(load: Parameters<typeof simulate>[0]): Outcome[] {
  return SEEDS.flatMap((seed) => simulate(load, numbersOf(seed))).filter(({ measured }) => measured >= MEASURED);
}

describe("of ten tasks nine start within a factor of two of what was predicted", () => {
  for (const [name, load] of Object.entries(SIZED_LOADS))
    test(name, () => {
      const outcomes = outcomesOf(load);
      // Those that started at once are no art.
      const waited = outcomes.filter(({ actualMs, predictedMs }) => actualMs > 0 || predictedMs > 0);
      const share = shareHonest(waited);
      console.log(
        `${name}: ${(100 * share).toFixed(1)} % of ${waited.length} that waited, ${(100 * shareHonest(outcomes)).toFixed(1)} % of all`,
      );
      expect(waited.length).toBeGreaterThan(300);
      expect(share).toBeGreaterThanOrEqual(0.9);
    });
});

test("where nobody says how long an answer will be, three of four do", () => {
  for (const [name, load] of Object.entries(UNSIZED_LOADS)) {
    const share = shareHonest(outcomesOf(load));
    console.log(`${name}: ${(100 * share).toFixed(1)} %`);
    expect(share).toBeGreaterThanOrEqual(0.75);
  }
});

describe("the drain", () => {
  /** Runs tasks of 100 tokens, one after the other, that take `ms` each. */
  function measured(ms: number, count = 5): Drain {
    const drain = new Drain({ ageingMs: 30_000 });
    for (let n = 0; n < count; n++) {
      drain.began(`t${n}`, { at: n * ms, expectedTokens: 100 });
      drain.ended(`t${n}`, (n + 1) * ms);
    }
    return drain;
  }
  const sized = (tasks: number) => ({ tasks, tokens: 100 * tasks, unsized: 0 });
  const nothing = { tasks: 0, tokens: 0, unsized: 0 };

  test("says 0 where a slot is free for it", () => {
    const drain = measured(1000);
    expect(drain.predict({ position: 0, slotsTotal: 2, slotsFree: 1 }, 5000)).toBe(0);
    expect(drain.predict({ position: 1, slotsTotal: 4, slotsFree: 2 }, 5000)).toBe(0);
  });

  test("counts what is left of the running task and what waits before", () => {
    const drain = measured(1000, 10);
    drain.began("now", { at: 10_000, expectedTokens: 100 });
    const place = { position: 3, ahead: { interactive: sized(3), batch: nothing }, slotsTotal: 1, slotsFree: 0 };
    const soon = drain.predict(place, 10_900);
    expect([soon > 2500, soon < 3500]).toEqual([true, true]);
    expect(drain.predict(place, 10_000)).toBeGreaterThan(soon);
    expect(drain.predict({ ...place, slotsTotal: 3 }, 10_900)).toBeLessThan(soon);
  });

  test("has learnt the engine's speed after the first task", () => {
    for (const ms of [20, 1000, 60_000]) {
      const drain = measured(ms, 1);
      drain.began("now", { at: ms, expectedTokens: 100 });
      const ahead = { interactive: sized(9), batch: nothing };
      const predicted = drain.predict({ position: 9, ahead, slotsTotal: 1, slotsFree: 0 }, ms);
      expect(isHonest({ measured: 1, priority: "interactive", position: 9, predictedMs: predicted, actualMs: 10 * ms })).toBe(true);
    }
  });

  test("takes a batch task to be overtaken by interactive ones as they come, up to its age", () => {
    const quiet = measured(1000);
    const busy = measured(1000);
    for (let n = 0; n < 20; n++) busy.arrived({ at: n * 250, priority: "interactive", tokens: 100 });
    const place = {
      position: 4,
      ahead: { interactive: nothing, batch: sized(4) },
      slotsTotal: 1,
      slotsFree: 0,
      priority: "batch" as const,
    };
    const free = quiet.predict(place, 5000);
    const pushed = busy.predict(place, 5000);
    expect(pushed).toBeGreaterThan(3 * free);
    expect(pushed).toBeLessThan(45_000);
    expect(busy.predict({ ...place, waitedMs: 30_000 }, 5000)).toBeLessThan(2 * free);
  });

  test("takes an interactive task to start after the batch tasks that age meanwhile", () => {
    const drain = measured(1000);
    for (let n = 0; n < 5; n++) drain.arrived({ at: n, priority: "batch", tokens: 100 });
    const place = { position: 10, ahead: { interactive: sized(10), batch: nothing }, slotsTotal: 1, slotsFree: 0 };
    const ripening = Array.from({ length: 10 }, () => 6000);
    expect(drain.predict({ ...place, ripening }, 5000)).toBeGreaterThan(1.6 * drain.predict(place, 5000));
  });

  test("is of use with nothing measured, without slots, and with work of others in them", () => {
    const drain = new Drain();
    for (const place of [
      { position: 0, slotsTotal: 0, slotsFree: 0 },
      { position: 5, slotsTotal: 2, slotsFree: 0 },
      { position: 100_000, slotsTotal: 1, slotsFree: 0 },
    ]) {
      const ms = drain.predict(place, 0);
      expect([Number.isFinite(ms), ms > 100]).toEqual([true, true]);
    }
  });

  test("forgets who has left; a task that never ran teaches nothing", () => {
    const drain = measured(1000);
    const before = drain.predict({ position: 3, slotsTotal: 1, slotsFree: 0 }, 5000);
    drain.ended("t0", 900_000);
    drain.ended("stranger", 900_000);
    expect(drain.predict({ position: 3, slotsTotal: 1, slotsFree: 0 }, 5000)).toBe(before);
  });
});
