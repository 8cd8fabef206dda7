import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { formatDuration, formatSpan, parseDuration } from "./duration.ts";

test("reads what people write", () => {
  const cases: Record<string, number | undefined> = {
    "0": 0,
    "500ms": 500,
    "1.5s": 1500,
    "1m30s": 90_000,
    " 2h ": 7_200_000,
    "1d": 86_400_000,
    "10": undefined,
    "": undefined,
    "-1s": undefined,
    "1 s": undefined,
    "1w": undefined,
    "1e3s": undefined,
    "1s2": undefined,
    "99999999999999d": undefined,
  };
  for (const [text, ms] of Object.entries(cases)) expect([text, parseDuration(text)]).toEqual([text, ms]);
});

test("a sum of terms parses to the sum", () => {
  const count = fc.nat({ max: 5000 });
  fc.assert(
    fc.property(count, count, count, count, count, (d, h, m, s, ms) => {
      expect(parseDuration(`${d}d${h}h${m}m${s}s${ms}ms`)).toBe(d * 86_400_000 + h * 3_600_000 + m * 60_000 + s * 1000 + ms);
    }),
  );
});

test("what is printed parses back, less what two units cannot show, and prints the same again", () => {
  fc.assert(
    fc.property(fc.nat({ max: 400 * 86_400_000 }), (ms) => {
      const text = formatDuration(ms);
      const back = parseDuration(text) ?? Number.NaN;
      const resolutionMs = ms < 1000 ? 1 : ms < 3_600_000 ? 1000 : ms < 86_400_000 ? 60_000 : 3_600_000;
      expect(ms - back).toBeGreaterThanOrEqual(0);
      expect(ms - back).toBeLessThan(resolutionMs);
      expect(formatDuration(back)).toBe(text);
    }),
  );
});

test("what was set is said as it was set", () => {
  expect([250, 1500, 10_000, 59_990, 90_000].map(formatSpan)).toEqual(["250ms", "1.5s", "10s", "59.9s", "1m30s"]);
});
