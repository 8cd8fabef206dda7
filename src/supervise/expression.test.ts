import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { ProbeAlias } from "./health.ts";
import { parseExpression } from "./expression.ts";

function holds(text: string, ...truths: ProbeAlias[]): boolean {
  const parsed = parseExpression(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.holds((alias) => truths.includes(alias));
}

test("binds ! before && before ||", () => {
  expect(holds("http || tcp && log", "http")).toBe(true);
  expect(holds("(http || tcp) && log", "http")).toBe(false);
  expect(holds("!http && tcp", "tcp")).toBe(true);
  expect(holds("!(http && tcp)", "tcp")).toBe(true);
  expect(holds("!!cmd", "cmd")).toBe(true);
});

test("tells which aliases it names", () => {
  expect(parseExpression("http||cmd && !http")).toMatchObject({ ok: true, aliases: ["http", "cmd"] });
});

test("says what is wrong and where", () => {
  const cases: Record<string, number> = {
    "": 1,
    "http ||": 8,
    "http tcp": 6,
    "http | tcp": 6,
    "(http": 6,
    "http)": 5,
    foo: 1,
    "http && Ht": 9,
    "!": 2,
  };
  for (const [text, column] of Object.entries(cases)) expect([text, parseExpression(text)]).toMatchObject([text, { ok: false, column }]);
  expect(parseExpression(`${"(".repeat(100_000)}http`)).toMatchObject({ ok: false, error: "nested deeper than 200" });
});

test("evaluates as JavaScript does", () => {
  const { term } = fc.letrec<{ term: string }>((tie) => ({
    term: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom("http", "tcp", "cmd", "log"),
      fc.tuple(tie("term"), fc.constantFrom("||", "&&"), tie("term")).map(([left, operator, right]) => `(${left} ${operator} ${right})`),
      tie("term").map((inner) => `!${inner}`),
    ),
  }));
  fc.assert(
    fc.property(term, fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()), (text, values) => {
      const names = ["http", "tcp", "cmd", "log"] as const;
      // oxlint-disable-next-line no-implied-eval -- the oracle; the text is made of four names and operators
      const expected = new Function(...names, `return ${text}`)(...values) as boolean;
      expect(holds(text, ...names.filter((_, index) => values[index]))).toBe(expected);
    }),
  );
});
