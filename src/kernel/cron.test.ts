import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { OrcoError } from "./errors.ts";
import { assertFires, parseCron } from "./cron.ts";

const NOW = Date.UTC(2026, 0, 1);

function refusal(cron: string, timezone = "UTC"): { pointer: string; detail: string } | undefined {
  try {
    assertFires(parseCron(cron, timezone), cron, NOW);
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "invalid") throw error;
    return (error.facts["errors"] as { pointer: string; detail: string }[])[0];
  }
  return undefined;
}

/** The first `count` times after `from`, as RFC 3339. */
function times(cron: string, timezone: string, { from, count }: { from: string; count: number }): string[] {
  const parsed = parseCron(cron, timezone);
  const found: string[] = [];
  for (let at = parsed.next(Date.parse(from)); at !== undefined && found.length < count; at = parsed.next(at))
    found.push(new Date(at).toISOString());
  return found;
}

describe("what is refused", () => {
  test("names the field and the column", () => {
    expect(refusal("* 25 * * *")).toEqual({ pointer: "/cron", detail: expect.stringContaining("field 2 (hour), column 3: ") });
    expect(refusal("0 5 25 1 * *")?.detail).toContain("field 3 (hour), column 5: ");
    expect(refusal("*/0 * * * *")?.detail).toContain("field 1 (minute), column 1: ");
    expect(refusal("* * * foo *")?.detail).toContain("field 4 (month), column 7: ");
    expect(refusal("5-1 * * * *")?.detail).toContain("column 1");
  });

  test("nonsense, too few and too many fields, dates, and what never comes", () => {
    for (const cron of [
      "",
      " ",
      "nonsense",
      "* * * *",
      "* * * * * * 2030",
      "2030-01-01T00:00:00",
      "@nonsense",
      "* ".repeat(200),
      "0 0 30 2 *",
      "0 0 31 2,4,6 *",
    ])
      expect([cron, refusal(cron)?.pointer]).toEqual([cron, "/cron"]);
    expect(refusal("0 0 30 2 *")?.detail).toContain("never fires");
  });

  test("zones that do not exist", () => {
    expect(refusal("* * * * *", "Nowhere/Bad")).toEqual({ pointer: "/timezone", detail: expect.stringContaining('"Nowhere/Bad"') });
    expect(refusal("* * * * *", "")?.pointer).toBe("/timezone");
    expect(refusal("* * * * *", "America/Argentina/Ushuaia")).toBeUndefined();
  });

  test("is told by an error of ours, whatever is sent", () => {
    const field = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("*", "*/5", "1-5", "L", "?", "MON#2", "15W", "1,2,3"));
    fc.assert(
      fc.property(fc.array(field, { maxLength: 7 }), (fields) => {
        refusal(fields.join(" "));
      }),
    );
  });
});

describe("times", () => {
  test("with five fields, six fields and nicknames; leap days", () => {
    expect(times("*/20 * * * *", "UTC", { from: "2026-01-01T00:00:00Z", count: 2 })).toEqual([
      "2026-01-01T00:20:00.000Z",
      "2026-01-01T00:40:00.000Z",
    ]);
    expect(times("*/30 * * * * *", "UTC", { from: "2026-01-01T00:00:00.5Z", count: 1 })).toEqual(["2026-01-01T00:00:30.000Z"]);
    expect(times("@daily", "Europe/Berlin", { from: "2026-01-01T00:00:00Z", count: 1 })).toEqual(["2026-01-01T23:00:00.000Z"]);
    expect(times("0 0 29 2 *", "UTC", { from: "2026-01-01T00:00:00Z", count: 2 })).toEqual([
      "2028-02-29T00:00:00.000Z",
      "2032-02-29T00:00:00.000Z",
    ]);
  });

  test("in the night that is an hour short a fixed time fires at the end of the gap, in the long one once", () => {
    expect(times("30 2 * * *", "Europe/Berlin", { from: "2026-03-28T12:00:00Z", count: 2 })).toEqual([
      "2026-03-29T01:00:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
    expect(times("30 2 * * *", "Europe/Berlin", { from: "2026-10-24T12:00:00Z", count: 2 })).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ]);
  });

  test("that recur follow real time over the change", () => {
    const found = times("*/30 * * * *", "Europe/Berlin", { from: "2026-10-24T23:59:00Z", count: 6 }).map((at) => Date.parse(at));
    expect(new Set(found.slice(1).map((at, n) => at - (found[n] ?? 0)))).toEqual(new Set([1_800_000]));
  });

  test("between two moments are those that come one after the other, in every zone and season", () => {
    const crons = fc.constantFrom(
      "* * * * *",
      "*/7 * * * *",
      "30 2 * * *",
      "0 */3 * * *",
      "15,45 1-4 * * *",
      "*/20 * * * * *",
      "0 0 1 * *",
      "5 3 * * SUN",
    );
    const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu");
    const days = fc.constantFrom("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2026-06-15");
    fc.assert(
      fc.property(
        crons,
        zones,
        days,
        fc.integer({ min: -720, max: 720 }),
        fc.integer({ min: 0, max: 600_000 }),
        (cron, zone, day, minutes, forMs) => {
          const parsed = parseCron(cron, zone);
          const from = Date.parse(`${day}T02:00:00Z`) + minutes * 60_000;
          const forward: number[] = [];
          for (let at = parsed.next(from - 1); at !== undefined && at <= from + forMs; at = parsed.next(at)) forward.push(at);
          expect(parsed.between(from, from + forMs, 1000)).toEqual(forward);
        },
      ),
      { numRuns: 200 },
    );
  });
});
