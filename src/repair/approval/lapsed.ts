import type { JsonObject } from "../../kernel/event.ts";
import type { ApprovalRecord } from "../record.ts";
import { OUTDATED_BY } from "./approver.ts";

interface Ending {
  readonly code: string;
  readonly facts?: JsonObject;
}

/**
 * What becomes of a question that nobody will answer any more, by what its run has ended with: `rejected` where somebody did, else `expired`, be it that its
 * time ran out, that the repair was cancelled, or that its plan was outdated. Where nobody was asked yet nobody had to be.
 */
export function lapsed({ asked }: Pick<ApprovalRecord, "asked">, { code, facts = {} }: Ending): Partial<ApprovalRecord> {
  const { approver, approver_role: role, decided_at: at, comment, expired } = facts;
  if (!asked) return { status: "not_required" };
  const isDecided = code === "approval_denied" && expired !== true && typeof approver === "string" && approver !== OUTDATED_BY;
  if (!isDecided) return { status: "expired" };
  return {
    status: "rejected",
    by: { id: approver, ...(typeof role === "string" && { role }) },
    ...(typeof at === "string" && { at: Date.parse(at) }),
    ...(typeof comment === "string" && { comment }),
  };
}

/** As it is told: one whose end was noted by another daemon than the one it ended in is held against what it ended with. */
export function shownApproval(approval: ApprovalRecord, error: Ending | undefined): ApprovalRecord {
  const { status, by } = approval;
  const isUnproven = status === "expired" || (status === "rejected" && !by);
  return isUnproven && error ? { ...approval, ...lapsed(approval, error) } : approval;
}
