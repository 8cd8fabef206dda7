import type { z } from "zod";
import type { Clock } from "../kernel/clock.ts";
import { uuidv7 } from "../kernel/id.ts";
import { rfc3339 } from "../kernel/rfc3339.ts";
import { assertFiles, assertPreImages, assertTarget, invalidPlan, type PlanProblem } from "./given-standing.ts";
import type { OpenTarget } from "./host.ts";
import { maskedError } from "./masked-error.ts";
import { patchRefused } from "./patch/change.ts";
import { diffOfChanges } from "./patch/diff.ts";
import { changesNow, hashOf } from "./patch/planned.ts";
import { baseCommit } from "./patch/pre-images.ts";
import { type ActionPlan, diffOf, GivenPlan } from "./plan.ts";
import { decidePlan } from "./plan-policy.ts";
import { rulesFor } from "./stages/permit.ts";

/**
 * An operator's own plan: what they left out is filled in, what they did not has to be so, and its diff is held against the same policy as any other.
 * `invalid` (facts: errors) where it is no plan, or one for another target; `plan_outdated` (facts: files or base_commit) where it was made for other
 * files or another commit; `patch_refused` where its diff does not fit or may not be.
 */
export async function checkGivenPlan(opened: OpenTarget, given: unknown, { clock }: { clock: Clock }): Promise<ActionPlan> {
  try {
    const plan = parsed(given);
    assertOnePatch(plan.steps);
    const { service, project } = opened.ref;
    const { name, workspace, composeFile } = project;
    const target = { service, compose_file: composeFile, project: name, workspace, base_commit: await baseCommit(workspace) };
    assertTarget(plan.target, target);
    await assertPreImages(workspace, plan);
    const common = { version: plan.version, plan_id: uuidv7(clock), generated_at: rfc3339(clock.now()), finding: null, target };
    return { ...common, generated_by: "operator", ...allowed(opened, plan) };
  } catch (error) {
    // It may repeat what was given.
    throw maskedError(error, opened.redactor.clean);
  }
}

/** The files it changes, and its diff as it was read: what stands between its lines is no part of it, and nobody looks at it. */
function allowed(opened: OpenTarget, given: GivenPlan): Pick<ActionPlan, "files" | "steps"> {
  const { workspace } = opened.ref.project;
  const changes = changesNow(workspace, diffOf(given));
  const diff = diffOfChanges(changes);
  const steps = given.steps.map((step) => (step.name === "patch" ? { ...step, parameters: { diff } } : step));
  const violations = decidePlan({ steps }, changes, rulesFor(opened, { workspace, hasApproval: true }));
  if (violations.length > 0) throw patchRefused(violations);
  const changed = changes.filter(({ before, after }) => before !== after);
  const files = changed.map(({ path, before, after }) => ({ path, pre_sha256: hashOf(before), post_sha256: hashOf(after) }));
  assertFiles(given.files, files);
  return { files, steps };
}

function parsed(given: unknown): GivenPlan {
  const { data, error } = GivenPlan.safeParse(given);
  if (!error) return data;
  throw invalidPlan(error.issues.flatMap(problemsOf));
}

/** Only the first would be looked at, and written. */
function assertOnePatch(steps: ActionPlan["steps"]): void {
  const patches = steps.flatMap(({ name }, at) => (name === "patch" ? [at] : []));
  if (patches.length <= 1) return;
  throw invalidPlan(patches.slice(1).map((at) => ({ at: ["steps", at], detail: "is a second patch: put all files into one diff" })));
}

function problemsOf({ path, message, ...issue }: z.core.$ZodIssue): PlanProblem[] {
  if (issue.code !== "unrecognized_keys") return [{ at: path, detail: message }];
  return issue.keys.map((key) => ({ at: [...path, key], detail: "is not known" }));
}
