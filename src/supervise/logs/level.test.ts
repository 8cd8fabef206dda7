import { expect, test } from "bun:test";
import { levelOfText, levelOfValue, rankOf } from "./level.ts";

test("levels are recognised where programs usually write them", () => {
  const cases: Record<string, string | undefined> = {
    "[ERROR] boom": "error",
    "level=warn msg=x": "warn",
    'time=1 level="error" msg=x': "error",
    "WARN: low disk": "warn",
    "2026-01-01 12:00:00,123 - app - WARNING - x": "warn",
    "2026-01-01T12:00:00Z INFO started": "info",
    "2026/01/01 12:00:00 [crit] 7#7: x": "fatal",
    "error: no such file": "error",
    "npm warn: old": "warn",
    "E0102 15:04:05.678 1 main.go:1] x": "error",
    "\x1b[32minfo\x1b[39m: up": "info",
    "postgres FATAL:  role": "fatal",
    "no error here": undefined,
    "the information desk": undefined,
    "GET /errors 200": undefined,
    "": undefined,
  };
  for (const [line, level] of Object.entries(cases)) expect([line, levelOfText(line)]).toEqual([line, level as never]);
});

test("values of JSON loggers: names, and numbers of pino and bunyan", () => {
  const read = (value: unknown) => String(levelOfValue(value));
  expect([10, 20, 30, 40, 50, 60, 35].map(read)).toEqual(["trace", "debug", "info", "warn", "error", "fatal", "info"]);
  expect(["WARNING", "Err", "critical", "nonsense", 7, null].map(read)).toEqual(["warn", "error", "fatal", ...Array(3).fill("undefined")]);
  expect(rankOf(undefined)).toBe(rankOf("info"));
});
