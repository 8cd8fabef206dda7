import { rfc3339 } from "../kernel/rfc3339.ts";
import { shownApproval } from "./approval/lapsed.ts";
import { type ApprovalRecord, type RepairRecord, STEP_NAMES, type StepName } from "./record.ts";
import { type RunFacts, statusOf } from "./status.ts";
import type { ApprovalView, RepairArtifact, RepairStepView, RunDetail, RunSummary } from "./view.ts";

export function summaryOf(run: RunFacts, record: RepairRecord): RunSummary {
  const { plan } = record;
  const { error } = run;
  const approval = shownApproval(record.approval, error);
  return {
    run_id: record.id,
    status: statusOf(run, record),
    priority: record.priority,
    target_service: record.service,
    project: record.project,
    instruction: record.instruction,
    queued_at: rfc3339(record.queuedAt),
    started_at: timeOf(run.startedAt),
    completed_at: timeOf(run.endedAt),
    approval_required: approval.status !== "not_required",
    approval_status: approval.status,
    dry_run: record.dryRun,
    requested_by: record.requestedBy,
    trigger: record.trigger,
    attempt: record.attempt,
    retry_of: record.retryOf ?? null,
    error: error ? (record.outcome ?? { code: error.code, message: error.message }) : null,
    plan_summary: plan ? [record.finding?.cause, plan.files.map(({ path }) => path).join(", ")].filter(Boolean).join(" – ") : null,
  };
}

export function detailOf(run: RunFacts, record: RepairRecord, artifacts: readonly RepairArtifact[]): RunDetail {
  const { finding, plan, planHash, published } = record;
  return {
    ...summaryOf(run, record),
    finding: finding ?? null,
    action_plan: plan ?? null,
    plan_hash: planHash ?? null,
    steps: STEP_NAMES.map((name) => stepView(record, name)),
    artifacts,
    approval: approvalView(shownApproval(record.approval, run.error)),
    published: published ? { branch: published.branch, commit: published.commit, pull_request: published.pullRequest ?? null } : null,
  };
}

function stepView({ steps }: RepairRecord, name: StepName): RepairStepView {
  const { status, startedAt, completedAt, attempt, message, artifacts } = steps[name];
  return {
    name,
    status,
    started_at: timeOf(startedAt),
    completed_at: timeOf(completedAt),
    attempt,
    message: message ?? null,
    artifact_refs: artifacts,
  };
}

function approvalView({ status, reasons, roles, expiresAt, by, comment, at }: ApprovalRecord): ApprovalView {
  return {
    required: status !== "not_required",
    status,
    reasons,
    roles,
    expires_at: timeOf(expiresAt),
    approver: by ?? null,
    comment: comment ?? null,
    decided_at: timeOf(at),
  };
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : rfc3339(ms);
}
