import { OrcoError } from "../kernel/errors.ts";
import { jsonPointer } from "../kernel/strict-json.ts";
import { parseDiff } from "./patch/diff.ts";
import { preImages } from "./patch/pre-images.ts";
import { type ActionPlan, diffOf, type GivenPlan } from "./plan.ts";

export interface PlanProblem {
  /** Below the plan. */
  readonly at: readonly PropertyKey[];
  readonly detail: string;
}

export function invalidPlan(problems: readonly PlanProblem[]): OrcoError {
  const errors = problems.map(({ at, detail }) => ({ pointer: jsonPointer(["plan", ...at]), detail }));
  return new OrcoError("invalid", `the plan is not valid: ${errors[0]?.pointer ?? ""}: ${errors[0]?.detail ?? ""}`, { errors });
}

/** What a plan says of its target is so. Throws `invalid` (facts: errors), `plan_outdated` (facts: base_commit). */
export function assertTarget(given: GivenPlan["target"], target: ActionPlan["target"]): void {
  const { base_commit: commit, ...where } = target;
  const names = Object.keys(where) as (keyof typeof where)[];
  const wrong = names.filter((name) => given[name] !== undefined && given[name] !== where[name]);
  if (wrong.length > 0)
    throw invalidPlan(wrong.map((name) => ({ at: ["target", name], detail: `is ${where[name] ?? "null"} in this repair` })));
  if (given.base_commit === undefined || given.base_commit === commit) return;
  const why = `the workspace is at commit ${commit ?? "none"} now, the plan was made at ${given.base_commit ?? "none"}`;
  throw outdated(`${why}; leave target.base_commit out where it holds for this one too`, { base_commit: commit });
}

/** The files it patches are those it was made for. Throws `plan_outdated` (facts: files). */
export async function assertPreImages(workspace: string, plan: GivenPlan): Promise<void> {
  const patched = new Set(parseDiff(diffOf(plan)).map(({ path }) => path));
  const given = plan.files.filter(({ path, pre_sha256: pre }) => pre !== undefined && patched.has(path));
  const now = await preImages(
    workspace,
    given.map(({ path }) => path),
  );
  const files = given.filter(({ path, pre_sha256: pre }) => now.get(path) !== pre).map(({ path }) => path);
  if (files.length > 0) throw outdated(`${files.join(", ")} changed since the plan was made; make it anew for what is there`, { files });
}

/** What it makes of which files is what it says, where it says so. Throws `invalid` (facts: errors). */
export function assertFiles(given: GivenPlan["files"], files: ActionPlan["files"]): void {
  if (given.length === 0) return;
  const problems: PlanProblem[] = given.flatMap(({ path, post_sha256: post }, at) => {
    const file = files.find((one) => one.path === path);
    if (!file) return [{ at: ["files", at, "path"], detail: "is not changed by the diff" }];
    return post === undefined || post === file.post_sha256
      ? []
      : [{ at: ["files", at, "post_sha256"], detail: "is not that of what the diff makes" }];
  });
  const named = new Set(given.map(({ path }) => path));
  const missing = files.filter(({ path }) => !named.has(path));
  const all = [...problems, ...missing.map(({ path }) => ({ at: ["files"], detail: `lacks ${path}, which the diff changes` }))];
  if (all.length > 0) throw invalidPlan(all);
}

function outdated(message: string, facts: { readonly files: readonly string[] } | { readonly base_commit: string | null }): OrcoError {
  return new OrcoError("plan_outdated", message, facts);
}
