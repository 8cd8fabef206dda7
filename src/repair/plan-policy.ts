import type { FileChange, Violation } from "./patch/change.ts";
import { decidePatch, type PatchRules } from "./patch/policy.ts";
import { secretsIn } from "./patch/secret-scan.ts";
import type { ActionPlan } from "./plan.ts";

/** Everything that is wrong with a plan, and with the patch in it; nothing: it may be kept. `changes`: what its diff makes of the files. */
export function decidePlan(plan: Pick<ActionPlan, "steps">, changes: readonly FileChange[], rules: PatchRules): readonly Violation[] {
  const found = decidePatch(changes, rules);
  if (found.some(({ rule }) => rule === "secret")) return found;
  const held = secretsIn(plan.steps.flatMap(givenIn).join("\n"), rules.secrets);
  return [...found, ...held.map((secret) => ({ path: "", rule: "secret", message: `the plan holds ${secret}` }))];
}

/** Not its own words: a value that is no more than `build` would be found in every plan. */
function givenIn(step: ActionPlan["steps"][number]): readonly string[] {
  return step.name === "patch" ? [step.parameters.diff] : textsIn(step.parameters);
}

/** Names and values, however deep: without recursion, as nobody has bounded that. */
function textsIn(value: unknown): readonly string[] {
  const texts: string[] = [];
  const left: unknown[] = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one !== "object" || one === null) texts.push(String(one));
    else for (const part of Array.isArray(one) ? one : Object.entries(one).flat()) left.push(part);
  }
  return texts;
}
