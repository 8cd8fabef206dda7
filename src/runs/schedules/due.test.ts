import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseCron } from "../../kernel/cron.ts";
import { type DueQuery, due } from "./due.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const T = Date.UTC(2026, 0, 1, 12);
const minutely = parseCron("* * * * *", "UTC");

/** Due at T + 1 min, looked at just then by somebody who has watched since T. */
function query(over: Partial<DueQuery> = {}): DueQuery {
  return { times: minutely, catchUp: "skip", nextAt: T + MINUTE, now: T + MINUTE, watchedFrom: T, wasDown: false, ...over };
}

test("a time that was watched is fired, however late the look", () => {
  for (const catchUp of ["skip", "one", "all"] as const) {
    expect(due(query({ catchUp }))).toEqual({ fires: [T + MINUTE], missed: [], next: T + 2 * MINUTE });
    expect(due(query({ catchUp, now: T + 3.5 * MINUTE })).fires).toEqual([1, 2, 3].map((n) => T + n * MINUTE));
  }
  expect(due(query({ now: T + MINUTE - 1 }))).toEqual({ fires: [], missed: [], next: T + MINUTE });
});

test("what a daemon that did not run has missed is skipped, made up for by one, or by all", () => {
  const now = T + 10 * MINUTE;
  const down = { now, watchedFrom: now, wasDown: true };
  const all = Array.from({ length: 10 }, (_, n) => T + (n + 1) * MINUTE);
  expect(due(query({ ...down, catchUp: "skip" }))).toEqual({ fires: [], missed: all, next: now + MINUTE });
  expect(due(query({ ...down, catchUp: "one" }))).toEqual({ fires: [now], missed: all.slice(0, -1), next: now + MINUTE });
  expect(due(query({ ...down, catchUp: "all" }))).toEqual({ fires: all, missed: [], next: now + MINUTE });
  const month = due(query({ catchUp: "all", now: T + 30 * DAY, watchedFrom: T + 30 * DAY, wasDown: true }));
  expect([month.fires.length, month.fires.at(-1), month.next]).toEqual([1000, T + 30 * DAY, T + 30 * DAY + MINUTE]);
});

test("a clock set ahead by a day makes no storm", () => {
  const now = T + DAY + MINUTE;
  const jumped = { now, watchedFrom: now - MINUTE, wasDown: false };
  expect(due(query({ ...jumped, catchUp: "skip" })).fires).toEqual([now]);
  expect(due(query({ ...jumped, catchUp: "one" })).fires).toEqual([now - MINUTE, now]);
  expect(due(query({ ...jumped, catchUp: "all" })).fires).toEqual([now - MINUTE, now]);
});

test("a clock set back by a day begins again from there, by a second does not fire twice", () => {
  const back = T - DAY;
  expect(due(query({ now: back, watchedFrom: back }))).toEqual({ fires: [], missed: [], next: back + MINUTE });
  expect(due(query({ now: T - 1000, watchedFrom: T - 1000 }))).toEqual({ fires: [], missed: [], next: T + MINUTE });
});

test("whatever the clocks do, times are fired in order, once, and never from the future", () => {
  const span = fc.integer({ min: -3 * DAY, max: 3 * DAY });
  const choice = fc.record({
    times: fc.constantFrom(minutely, parseCron("*/15 3 * * *", "Europe/Berlin"), parseCron("*/30 * * * * *", "UTC")),
    catchUp: fc.constantFrom("skip" as const, "one" as const, "all" as const),
    ahead: span,
    watchedMs: fc.integer({ min: 0, max: DAY }),
    wasDown: fc.boolean(),
  });
  fc.assert(
    fc.property(choice, ({ times, catchUp, ahead, watchedMs, wasDown }) => {
      const nextAt = times.next(T) ?? 0;
      const now = nextAt + ahead;
      const found = due({ times, catchUp, nextAt, now, watchedFrom: now - (wasDown ? 0 : watchedMs), wasDown });
      const seen = [...found.missed, ...found.fires];
      expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
      expect(seen.every((at) => at >= nextAt && at <= now)).toBe(true);
      expect(found.fires.length).toBeLessThanOrEqual(1000);
      expect(found.next).toBeGreaterThan(now);
      expect(seen.length > 0).toBe(nextAt <= now);
    }),
    { numRuns: 100 },
  );
});
