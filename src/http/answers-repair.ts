import { z } from "@hono/zod-openapi";
import { ActionPlan } from "../repair/plan.ts";
import { APPROVAL_STATUSES, REPAIR_STATUSES, STEP_NAMES, STEP_STATUSES } from "../repair/record.ts";

/** The wire objects of repairs (`repair/view.ts`), as they are documented. */

const time = z.string().nullable();
const person = z.object({ id: z.string(), role: z.string().optional() });

const summary = {
  run_id: z.string(),
  status: z.enum(REPAIR_STATUSES),
  priority: z.enum(["normal", "high"]),
  target_service: z.string(),
  project: z.string(),
  instruction: z.string(),
  queued_at: z.string(),
  started_at: time,
  completed_at: time,
  approval_required: z.boolean(),
  approval_status: z.enum(APPROVAL_STATUSES),
  dry_run: z.boolean(),
  requested_by: person,
  trigger: z.enum(["api", "crash_loop", "ci"]),
  attempt: z.number().int(),
  retry_of: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable().describe("why it ended as it did, where it did not succeed"),
  plan_summary: z.string().nullable().describe("the cause and the files of the plan"),
};

const RunSummary = z.object(summary).openapi("RunSummary");

const Finding = z
  .object({
    entry: z.number().int().optional().describe("number in the catalogue; absent where a planner found it"),
    signature: z.string(),
    cause: z.string(),
    evidence: z.array(z.string()),
    confidence: z.number(),
    verdict: z.enum(["fix", "approve", "report", "retry"]),
    remedy: z.string(),
  })
  .openapi("Finding");

const RepairArtifact = z
  .object({ name: z.string(), type: z.string(), sha256: z.string(), size_bytes: z.number().int(), created_at: z.string() })
  .openapi("RepairArtifact");

const RepairStep = z
  .object({
    name: z.enum(STEP_NAMES),
    status: z.enum(STEP_STATUSES),
    started_at: time,
    completed_at: time,
    attempt: z.number().int(),
    message: z.string().nullable(),
    artifact_refs: z.array(z.string()),
  })
  .openapi("RepairStep");

const approval = z.object({
  required: z.boolean(),
  status: z.enum(APPROVAL_STATUSES),
  reasons: z.array(z.string()),
  roles: z.array(z.string()),
  expires_at: time,
  approver: person.nullable(),
  comment: z.string().nullable(),
  decided_at: time,
});

const RunDetail = z
  .object({
    ...summary,
    finding: z.union([Finding, z.null()]),
    action_plan: z.union([ActionPlan, z.null()]),
    plan_hash: z.string().nullable(),
    steps: z.array(RepairStep),
    artifacts: z.array(RepairArtifact),
    approval,
    published: z.object({ branch: z.string(), commit: z.string(), pull_request: z.string().nullable() }).nullable(),
  })
  .openapi("RunDetail");

const Project = z
  .object({
    name: z.string(),
    workspace: z.string(),
    compose_file: z.string(),
    configured: z.boolean().describe("named in ORCO_REPAIR_WORKSPACE: it cannot be removed here"),
    services: z.array(
      z.object({ name: z.string(), protected: z.boolean(), buildable: z.boolean(), repair: z.enum(["off", "propose", "auto"]) }),
    ),
    warnings: z
      .array(z.string())
      .describe("what holds for nothing, though somebody wrote it: a service of orco.repair.yaml that compose does not have"),
    error: z.string().nullable(),
  })
  .openapi("Project");

export const REPAIR_ANSWERS = {
  RunSummary,
  RunDetail,
  RepairList: z.object({ runs: z.array(RunSummary), next_cursor: z.string().optional() }).openapi("RepairList"),
  RepairIgnored: z.object({ ignored: z.literal(true), reason: z.string() }).openapi("RepairIgnored"),
  RepairArtifact,
  RepairArtifactList: z.object({ artifacts: z.array(RepairArtifact) }).openapi("RepairArtifactList"),
  Project,
  ProjectList: z.object({ projects: z.array(Project) }).openapi("ProjectList"),
} as const;
