import type { RunDetail, RunSummary } from "../repair/view.ts";

export const ID = "01a20038-8fce-701b-9da7-d87171687a66";
const AT = "2026-01-01T00:00:00.000Z";
const LATER = "2026-01-01T00:00:01.000Z";
const DIFF = "--- a/api/requirements.txt\n+++ b/api/requirements.txt\n@@ -1 +1,2 @@\n flask\n+PyYAML\n";

/** A repair that waits for an approval, as the daemon shows it. */
export function repairSummary(given: Partial<RunSummary> = {}): RunSummary {
  return {
    run_id: ID,
    status: "awaiting_approval",
    priority: "normal",
    target_service: "api",
    project: "shop",
    instruction: "fix it",
    queued_at: AT,
    started_at: AT,
    completed_at: null,
    approval_required: true,
    approval_status: "awaiting",
    dry_run: false,
    requested_by: { id: "alice" },
    trigger: "api",
    attempt: 1,
    retry_of: null,
    error: null,
    plan_summary: null,
    ...given,
  };
}

export function repairDetail(given: Partial<RunDetail> = {}): RunDetail {
  const target = { service: "api", compose_file: "/srv/shop/compose.yaml", project: "shop", workspace: "/srv/shop", base_commit: null };
  return {
    ...repairSummary(),
    finding: {
      entry: 1,
      signature: "python-module-missing:yaml",
      cause: "the module yaml is not installed",
      evidence: ["container:12: ModuleNotFoundError: No module named 'yaml'"],
      confidence: 0.95,
      verdict: "fix",
      remedy: "PyYAML is added to api/requirements.txt",
    },
    action_plan: {
      version: 1,
      plan_id: "p",
      generated_at: AT,
      generated_by: "rules",
      target,
      finding: null,
      files: [],
      steps: [{ name: "patch", parameters: { diff: DIFF } }],
    },
    plan_hash: "f".repeat(64),
    steps: [
      { name: "analyze", status: "succeeded", started_at: AT, completed_at: LATER, attempt: 1, message: "found", artifact_refs: [] },
      { name: "verify", status: "pending", started_at: null, completed_at: null, attempt: 0, message: "checked", artifact_refs: [] },
    ],
    artifacts: [{ name: "patch.diff", type: "diff", sha256: "a".repeat(64), size_bytes: 5, created_at: AT }],
    approval: {
      required: true,
      status: "awaiting",
      reasons: ["api is protected"],
      roles: ["owner"],
      expires_at: LATER,
      approver: null,
      comment: null,
      decided_at: null,
    },
    published: null,
    ...given,
  };
}
