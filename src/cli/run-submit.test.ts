import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OrcoError } from "../kernel/errors.ts";
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

test.each([
  ["", "plan.yaml: a plan is a mapping with steps; there is nothing"],
  ["# nothing\n", "plan.yaml: a plan is a mapping with steps; there is nothing"],
  ["[1, 2]", "plan.yaml: a plan is a mapping with steps; this is a list"],
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
