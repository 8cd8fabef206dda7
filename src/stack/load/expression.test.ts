import { expect, test } from "bun:test";
import { expressionProblem } from "./expression.ts";
import { problems } from "./load-text.ts";

const declared = new Set(["http", "log"]);

test.each(["http", "http || log", "!(http && log) || http", "!!log", "((http))"])("%s is right", (expression) => {
  expect(expressionProblem(expression, declared)).toBeUndefined();
});

test.each([
  ["http || tcp", 8, "no tcp probe is declared"],
  ["http || htpt", 8, 'unknown probe "htpt"'],
  ["http log", 5, 'expected || or &&, got "log"'],
  ["http |", 5, "expected || or &&"],
  ["http ||", 7, "ends where a probe is expected"],
  ["(http", 5, "never closed"],
  ["http)", 4, "never opened"],
  ["&& http", 0, "expected a probe"],
  ["", 0, "ends where"],
])("%s: place %i, %s", (expression, at, message) => {
  expect(expressionProblem(expression, declared)).toMatchObject({ at, message: expect.stringContaining(message) as string });
});

test("the finding points into the expression", () => {
  expect(problems('command: [x]\nhealth:\n  tcp: {address: "localhost:1"}\n  expression: "tcp || http"')).toEqual([
    "8:27 services.a.health.expression: the expression names http, but no http probe is declared",
  ]);
});
