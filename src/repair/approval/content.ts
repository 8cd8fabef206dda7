import type { JsonObject } from "../../kernel/event.ts";
import type { ActionPlan } from "../plan.ts";

/** Of the run that asks. */
export const APPROVAL_STEP = "approval";

interface Planned {
  readonly plan: Pick<ActionPlan, "target" | "files">;
  readonly planHash: string;
  readonly diff: string;
}

/** What an approver sees and approves, and nothing else: a decision is bound to its hash, so any change of it is another question. */
export function contentToApprove({ plan, planHash, diff }: Planned): JsonObject {
  const files = plan.files.map((file) => ({ ...file }));
  return { plan_hash: planHash, base_commit: plan.target.base_commit, files, diff };
}
