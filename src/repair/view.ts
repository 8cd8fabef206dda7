import type { Finding } from "./finding.ts";
import type { ActionPlan } from "./plan.ts";
import type { ApprovalStatus, RepairStatus, RepairStepStatus, Requester, StepName } from "./record.ts";

/** The wire objects of `/orchestrator` (repair.md); types only. Times are RFC 3339. */
export interface RunSummary {
  readonly run_id: string;
  readonly status: RepairStatus;
  readonly priority: "normal" | "high";
  readonly target_service: string;
  readonly project: string;
  readonly instruction: string;
  readonly queued_at: string;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly approval_required: boolean;
  readonly approval_status: ApprovalStatus;
  readonly dry_run: boolean;
  readonly requested_by: Requester;
  readonly trigger: "api" | "crash_loop" | "ci";
  readonly attempt: number;
  readonly retry_of: string | null;
  /** Why it ended as it did, where it did not succeed. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What a list shows of the plan: the cause and the files; null until there is one. */
  readonly plan_summary: string | null;
}

export interface RunDetail extends RunSummary {
  readonly finding: Finding | null;
  readonly action_plan: ActionPlan | null;
  readonly plan_hash: string | null;
  readonly steps: readonly RepairStepView[];
  readonly artifacts: readonly RepairArtifact[];
  readonly approval: ApprovalView;
  readonly published: { readonly branch: string; readonly commit: string; readonly pull_request: string | null } | null;
}

export interface ApprovalView {
  readonly required: boolean;
  readonly status: ApprovalStatus;
  readonly reasons: readonly string[];
  readonly roles: readonly string[];
  readonly expires_at: string | null;
  readonly approver: Requester | null;
  readonly comment: string | null;
  readonly decided_at: string | null;
}

export interface RepairStepView {
  readonly name: StepName;
  readonly status: RepairStepStatus;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly attempt: number;
  readonly message: string | null;
  readonly artifact_refs: readonly string[];
}

export interface RepairArtifact {
  readonly name: string;
  /** `log`, `plan`, `diff`. */
  readonly type: string;
  readonly sha256: string;
  readonly size_bytes: number;
  readonly created_at: string;
}

export interface ProjectView {
  readonly name: string;
  readonly workspace: string;
  readonly compose_file: string;
  /** Named in ORCO_REPAIR_WORKSPACE: it cannot be removed over the API. */
  readonly configured: boolean;
  readonly services: readonly {
    readonly name: string;
    readonly protected: boolean;
    readonly buildable: boolean;
    readonly repair: "off" | "propose" | "auto";
  }[];
  /** What holds for nothing, though somebody wrote it. */
  readonly warnings: readonly string[];
  /** Why its services are not known, where they are not. */
  readonly error: string | null;
}
