import { expect, test } from "bun:test";
import { expressionProblem } from "./expression.ts";
import { problems } from "./load-text.ts";

const declared = new Set(["http", "log"]);

test.each(["http", "http || log", "!(http && log) || http", "!!log", "((http))"])("%s is right", (expression) => {
  expect(expressionProblem(expression, declared)).toBeUndefined();
});

test.each([
  ["http || tcp", 8, "the expression names tcp, but no tcp probe is declared"],
  ["http || htpt", 8, "invalid expression"],
  ["http log", 5, "invalid expression"],
  ["http ||", 7, "invalid expression"],
  ["(http", 5, "invalid expression"],
  ["", 0, "invalid expression"],
])("%s: place %i, %s", (expression, at, message) => {
  expect(expressionProblem(expression, declared)).toMatchObject({ at, message: expect.stringContaining(message) as string });
});

test("the finding points into the expression", () => {
  expect(problems('command: [x]\nhealth:\n  tcp: {address: "db.local:1"}\n  expression: "tcp || http"')).toEqual([
    "8:27 services.a.health.expression: the expression names http, but no http probe is declared",
  ]);
});
