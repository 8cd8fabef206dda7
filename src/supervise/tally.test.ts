import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Tally } from "./tally.ts";

const health = { gracePeriodMs: 0, intervalMs: 1000, failureThreshold: 3, successThreshold: 1 };

/** Verdicts told, as `+ready at` and `-unready at`. */
function told(tally: Tally, rounds: readonly (readonly [atMs: number, ok: boolean])[]): string[] {
  return rounds.flatMap(([atMs, ok]) => {
    const verdict = tally.count({ ok, detail: "", atMs });
    return verdict ? [`${verdict.ready ? "+" : "-"}${atMs}`] : [];
  });
}

test("a success counts at once, even within the grace period", () => {
  expect(
    told(new Tally({ ...health, gracePeriodMs: 60_000 }, false), [
      [0, false],
      [25, true],
    ]),
  ).toEqual(["+25"]);
});

test("quick first looks do not use up the threshold: one failure an interval", () => {
  const early = [0, 25, 50, 100, 200, 400, 800, 1600, 2600].map((at) => [at, false] as const);
  expect(told(new Tally(health, false), early)).toEqual([]);
  expect(told(new Tally(health, false), [...early, [3600, false], [4600, false]])).toEqual(["-3600"]);
});

test("failures within the grace period do not count", () => {
  const tally = new Tally({ ...health, gracePeriodMs: 5000 }, false);
  expect(
    told(
      tally,
      [1, 2, 3, 4, 5, 6, 7].map((s) => [s * 1000, false] as const),
    ),
  ).toEqual(["-7000"]);
});

test("once ready every failing round counts, a success between starts again", () => {
  const tally = new Tally(health, false);
  expect(
    told(tally, [
      [0, true],
      [1000, false],
      [2000, false],
      [3000, true],
      [4000, false],
      [5000, false],
      [6000, false],
      [7000, false],
      [8000, true],
    ]),
  ).toEqual(["+0", "-6000", "+8000"]);
});

test("a resumed instance counts as told ready", () => {
  expect(
    told(new Tally(health, true), [
      [0, true],
      [1000, false],
      [2000, false],
      [3000, false],
    ]),
  ).toEqual(["-3000"]);
});

test("verdicts alternate, ready needs successThreshold in a row, unready failureThreshold in a row", () => {
  const thresholds = fc.record({ failureThreshold: fc.integer({ min: 1, max: 5 }), successThreshold: fc.integer({ min: 1, max: 5 }) });
  fc.assert(
    fc.property(thresholds, fc.array(fc.boolean(), { maxLength: 60 }), (limits, outcomes) => {
      const tally = new Tally({ ...health, ...limits }, false);
      let last: boolean | undefined;
      outcomes.forEach((ok, index) => {
        const verdict = tally.count({ ok, detail: "", atMs: (index + 1) * 1000 });
        if (!verdict) return;
        expect(verdict.ready).not.toBe(last as never);
        last = verdict.ready;
        const needed = verdict.ready ? limits.successThreshold : limits.failureThreshold;
        expect(outcomes.slice(index + 1 - needed, index + 1)).toEqual(Array.from({ length: needed }, () => verdict.ready));
      });
    }),
  );
});
