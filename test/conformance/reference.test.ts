import { describe, expect, test } from "bun:test";
import { type Mutant, MUTANTS } from "../../conformance/deploy/reference/mutants.ts";
import { referenceOptions } from "../../conformance/deploy/reference-options.ts";
import type { Result } from "../../conformance/deploy/scenario.ts";
import { SCENARIOS } from "../../conformance/deploy/scenarios.ts";
import { runSuite } from "../../conformance/deploy/suite.ts";

/** Those that cost seconds are left to `conformance/deploy/mutants.ts`, which runs all of them. */
const BRIEF = [1, 3, 4, 5, 6, 7, 8, 10, 13, 15, 18, 19];
const MUTANTS_HERE: readonly Mutant[] = [
  "late-swap",
  "many-previous",
  "rollback-to-nothing",
  "two-at-once",
  "no-drain",
  "unknown-is-main",
  "failure-costs-previous",
  "short-sha",
  "option-refs",
];

async function results(options: Parameters<typeof referenceOptions>[0]): Promise<readonly Result[]> {
  return (await runSuite(referenceOptions(options), () => undefined)).scenarios;
}

test("the reference passes", async () => {
  const found = await results({ only: BRIEF });
  expect(found.filter(({ result }) => result !== "ok")).toEqual([]);
  expect(found.map(({ id }) => id)).toEqual(BRIEF);
});

describe("the scenario that is there for it catches the mutant", () => {
  for (const mutant of MUTANTS_HERE) {
    const { caughtBy, does } = MUTANTS[mutant];
    test(`${caughtBy}: one that ${does}`, async () => {
      expect(await results({ mutant, only: [caughtBy] })).toEqual([expect.objectContaining({ id: caughtBy, result: "failed" })]);
    });
  }
});

test("every scenario has a number of its own and a mutant", () => {
  expect(SCENARIOS.map(({ id }) => id)).toEqual(SCENARIOS.map((_, index) => index + 1));
  const caught = new Set<number>(Object.values(MUTANTS).map(({ caughtBy }) => caughtBy));
  expect(SCENARIOS.filter(({ id }) => !caught.has(id))).toEqual([]);
});
