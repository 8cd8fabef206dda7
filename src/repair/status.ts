import type { RunRow } from "../workflow/run.ts";
import type { RepairRecord, RepairStatus } from "./record.ts";

/** What `statusOf` looks at of a run of the engine. */
export type RunFacts = Pick<RunRow, "status" | "startedAt" | "endedAt" | "error" | "unwinding" | "cancelling">;

const ENDED: ReadonlySet<RepairStatus> = new Set(["succeeded", "failed", "rolled_back", "rollback_failed", "rejected", "canceled"]);

export function isOver(status: RepairStatus): boolean {
  return ENDED.has(status);
}

/** What the run of such a repair can be. */
export function runStatusesOf(status: RepairStatus): readonly RunRow["status"][] {
  return RUN_STATUSES[status];
}

const RUN_STATUSES: Readonly<Record<RepairStatus, readonly RunRow["status"][]>> = {
  queued: ["queued"],
  running: ["running"],
  awaiting_approval: ["running"],
  succeeded: ["completed"],
  failed: ["failed"],
  rolled_back: ["failed"],
  rejected: ["failed"],
  rollback_failed: ["failed", "cancelled"],
  canceled: ["cancelled"],
};

/** Where a repair stands, from the row of its run and its own record: it is stored nowhere, so that the two cannot disagree. */
export function statusOf(run: RunFacts, record: Pick<RepairRecord, "approval" | "rollback" | "patchedAt" | "outcome">): RepairStatus {
  switch (run.status) {
    case "queued":
      return "queued";
    case "running":
      return record.approval.status === "awaiting" && record.approval.asked && !run.unwinding && !run.cancelling
        ? "awaiting_approval"
        : "running";
    case "completed":
      return "succeeded";
    case "cancelled":
      return isUndone(record) ? "canceled" : "rollback_failed";
    case "failed":
      return failureOf(run, record);
  }
}

function failureOf(
  { error }: RunFacts,
  { rollback, patchedAt, outcome }: Pick<RepairRecord, "rollback" | "patchedAt" | "outcome">,
): RepairStatus {
  if (!isUndone({ rollback, patchedAt }) || error?.facts?.["undo_failed"] !== undefined) return "rollback_failed";
  if ((outcome ?? error)?.code === "approval_denied") return "rejected";
  return patchedAt === undefined ? "failed" : "rolled_back";
}

/** Nothing was changed, or a rollback has come to its end: that it was not seen to fail is not enough. */
function isUndone({ rollback, patchedAt }: { rollback?: RepairRecord["rollback"] | undefined; patchedAt?: number | undefined }): boolean {
  return rollback === "done" || (patchedAt === undefined && rollback !== "failed");
}
