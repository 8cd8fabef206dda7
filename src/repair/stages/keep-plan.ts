import { OrcoError } from "../../kernel/errors.ts";
import type { ApprovalNeed } from "../approval/need.ts";
import type { Verdict } from "../finding.ts";
import type { OpenTarget } from "../host.ts";
import type { RepairJob } from "../job.ts";
import { maskedError } from "../masked-error.ts";
import { type ActionPlan, diffOf, planHash } from "../plan.ts";
import type { RepairRecord } from "../record.ts";
import { assertClean, assertPatch, needOf } from "./permit.ts";

/** No diff, so that a plan with it is refused whenever it is looked at again. */
const NO_DIFF = "# taken out: it held a secret\n";

/**
 * Keeps a plan in the record and as artifacts, and says who has to agree to it. One that the policy refuses is not kept: it may hold a secret. Throws
 * `patch_refused` (facts: errors), `dirty_target` (facts: files).
 */
export async function keepPlan(
  job: RepairJob,
  opened: OpenTarget,
  { plan, verdict }: { plan: ActionPlan; verdict: Verdict | null },
): Promise<ApprovalNeed> {
  try {
    const need = await needOf(job, opened, { plan, verdict });
    assertPatch(job, opened, { plan, need });
    await store(job, plan);
    await assertClean(job, plan);
    return need;
  } catch (error) {
    // What was taken over was kept before, when the value was no secret yet.
    if (isOfSecret(error)) await forget(job);
    throw maskedError(error, opened.redactor.clean);
  }
}

async function store(job: RepairJob, plan: ActionPlan): Promise<void> {
  const { files, book } = job.host;
  files.put(job.id, "plan.json", `${JSON.stringify(plan, null, 2)}\n`);
  files.put(job.id, "patch.diff", diffOf(plan));
  await book.change(job.id, () => ({ plan, planHash: planHash(plan) }));
}

async function forget(job: RepairJob): Promise<void> {
  const { files, book } = job.host;
  for (const name of ["plan.json", "patch.diff"]) files.drop(job.id, name);
  await book.change(job.id, ({ givenPlan }) => {
    const none = { plan: undefined, planHash: undefined } as unknown as Partial<RepairRecord>;
    return { ...none, ...(givenPlan && { givenPlan: emptied(givenPlan) }) };
  });
}

/** Not left out: whoever repeats the run would look for a plan of their own instead. */
function emptied({ steps, ...plan }: ActionPlan): ActionPlan {
  const empty = steps.map((step) => (step.name === "patch" ? { ...step, parameters: { diff: NO_DIFF } } : { ...step, parameters: {} }));
  return { ...plan, files: [], steps: empty };
}

function isOfSecret(error: unknown): boolean {
  if (!(error instanceof OrcoError) || error.code !== "patch_refused") return false;
  const errors = error.facts["errors"] as readonly { readonly rule?: string }[] | undefined;
  return errors?.some(({ rule }) => rule === "secret") ?? false;
}
