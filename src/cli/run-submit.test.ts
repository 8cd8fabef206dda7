import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Diagnostic, OrcoError } from "../kernel/errors.ts";
import type { Context } from "./context.ts";
import { exitCodeOf } from "./exit.ts";
import { requestOf } from "./run-submit.ts";

const cwd = mkdtempSync(join(tmpdir(), "orco-submit-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function refusal(text: string): { code: number; message: string } {
  writeFileSync(join(cwd, "plan.yaml"), text);
  try {
    requestOf({ args: ["plan.yaml"], options: {}, io: { cwd } } as unknown as Context);
  } catch (error) {
    if (error instanceof OrcoError) return { code: exitCodeOf(error), message: error.message };
    throw error;
  }
  throw new Error("it was taken");
}

function read(text: string, args = ["plan.yaml"]): ReturnType<typeof requestOf> {
  writeFileSync(join(cwd, "plan.yaml"), text);
  return requestOf({ args, options: {}, io: { cwd } } as unknown as Context);
}

test("what belongs to the run may stand beside the steps", () => {
  const steps = [{ id: "a", command: ["true"] }];
  const text = "name: nightly\ntimeout_ms: 1000\nmax_parallel: 2\nsteps: [{ id: a, command: ['true'] }]\n";
  expect(read(text).request).toEqual({ name: "nightly", timeout_ms: 1000, plan: { max_parallel: 2, steps } });
  expect(read("external: true\nname: import\n").request).toEqual({ external: true, name: "import" });
});

test("what the daemon finds is told with its place in the file", () => {
  const text = "name: x\nsteps:\n  - id: a\n    comand: [echo]\n  - needs: [b]\n";
  const errors = [
    { pointer: "/plan/steps/0/comand", detail: "is not known" },
    { pointer: "/plan/steps/1/needs/0", detail: "is no step" },
    { pointer: "/plan/steps/1/id", detail: "is required" },
  ];
  const refused = new OrcoError("invalid", "plan: steps.0.comand is not known (and 2 more)", { errors });
  const placed = read(text).placed(refused) as OrcoError;
  const places = (placed.facts["diagnostics"] as Diagnostic[]).map(({ line, column, message }) => [line, column, message]);
  expect(places).toEqual([
    [4, 5, "steps.0.comand is not known"],
    [5, 13, "steps.1.needs.0 is no step"],
    [5, 5, "steps.1.id is required"],
  ]);
  expect(exitCodeOf(placed)).toBe(2);
  const ofOption = new OrcoError("invalid", "input: too deep", { errors: [{ pointer: "/input", detail: "too deep" }] });
  expect((read(text).placed(ofOption) as OrcoError).facts).toEqual({ errors: [{ pointer: "/input", detail: "too deep" }], usage: true });
});

test("a second file is none that would be left out", () => {
  expect(() => read("steps: []\n", ["plan.yaml", "more.yaml"])).toThrow('one at a time, not also "more.yaml"');
});

test.each([
  ["", "plan.yaml: a plan is a mapping with steps; there is nothing"],
  ["# nothing\n", "plan.yaml: a plan is a mapping with steps; there is nothing"],
  ["[1, 2]", "plan.yaml: a plan is a mapping with steps; this is a list"],
  ["jobs: {}\n", 'plan.yaml: a plan is a mapping with steps; this one has "jobs", and no steps'],
  ["words", "plan.yaml: a plan is a mapping with steps; this is a string"],
  ["steps: [\n", "plan.yaml: Flow sequence in block collection must be"],
  ["a: 1\na: 2\n", "plan.yaml: Map keys must be unique"],
  ["steps: []\n---\nsteps: []\n", "plan.yaml: there is more than one document"],
  [`a: &a [x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nsteps: [*c,*c,*c,*c,*c]\n`, "plan.yaml: its aliases"],
])("what is no plan is a wrong argument that is named: %p", (text, message) => {
  const refused = refusal(text);
  expect(refused.code).toBe(2);
  expect(refused.message).toStartWith(message);
});
