import { z } from "@hono/zod-openapi";

/** The wire objects of runs (`workflow/view.ts`, `runs/worker-wire.ts`, `http/services.ts`), as they are documented and served as JSON Schemas. */

const json = z.unknown();
const failure = z.looseObject({ code: z.string(), message: z.string() });
const status = z.enum(["pending", "running", "paused", "completed", "failed", "canceled"]);

const wait = {
  kind: z.enum(["approval", "wait", "for_each", "retry"]),
  summary: z.string(),
  content: z.record(z.string(), z.unknown()).optional(),
  content_hash: z.string().optional(),
  roles: z.array(z.string()).optional(),
  since: z.string(),
  expires_at: z.string().optional(),
};

const RunStep = z
  .object({
    id: z.string(),
    status: z.enum([
      ...(["pending", "running", "waiting", "completed", "failed", "skipped", "canceled", "cancelling"] as const),
      ...(["delivered", "undoing", "undone", "undo_failed"] as const),
    ]),
    attempt: z.number().int().optional(),
    startedAt: z.string().optional(),
    endedAt: z.string().optional(),
    message: z.string().optional(),
    outputs: z.record(z.string(), json).optional(),
    error: failure.optional(),
    progress: z.object({ percent: z.number().optional(), message: z.string().optional() }).optional(),
    waiting: z.object(wait).optional(),
    reused: z.boolean().optional(),
  })
  .openapi("RunStep");

export const Run = z
  .object({
    id: z.string(),
    kind: z.string(),
    mode: z.enum(["local", "redis", "k8s"]),
    name: z.string(),
    status,
    owner: z.string(),
    metadata: z.record(z.string(), json),
    createdAt: z.string(),
    startedAt: z.string().optional(),
    endedAt: z.string().optional(),
    attempt: z.number().int(),
    steps: z.array(RunStep),
    result: json.optional(),
    error: failure.optional(),
    waiting: z.object({ step: z.string(), ...wait }).optional(),
    cancelling: z.string().optional(),
    priority: z.number().int().optional(),
    concurrency_key: z.string().optional(),
    retry_of: z.string().optional(),
    schedule_id: z.string().optional(),
    worker: z.string().optional(),
    stack: z.string().optional(),
    service: z.string().optional(),
    app: z.string().optional(),
  })
  .openapi("Run");

export const Checkpoint = z
  .object({
    id: z.string(),
    runId: z.string(),
    ts: z.string(),
    type: z.string(),
    data: json.optional(),
    name: z.string().optional(),
    step: z.string().optional(),
    attempt: z.number().int().optional(),
  })
  .openapi("Checkpoint");

const cursor = { next_cursor: z.string().optional() };
const Artifact = z.object({ name: z.string(), size: z.number().int(), sha256: z.string(), createdAt: z.string() }).openapi("Artifact");

const Schedule = z
  .object({
    id: z.string(),
    name: z.string().optional(),
    cron: z.string(),
    timezone: z.string(),
    catch_up: z.enum(["skip", "one", "all"]),
    mode: z.enum(["local", "redis", "k8s"]),
    run: z.record(z.string(), z.unknown()),
    enabled: z.boolean(),
    createdAt: z.string(),
    next_at: z.string().optional(),
    last_fired_at: z.string().optional(),
    last_run_id: z.string().optional(),
    missed: z.number().int(),
    stack: z.string().optional(),
    service: z.string().optional(),
  })
  .openapi("Schedule");

export const RUN_ANSWERS = {
  Run,
  OneRun: z.object({ run: Run }).openapi("OneRun"),
  RunList: z.object({ runs: z.array(Run), ...cursor }).openapi("RunList"),
  RunCreated: z.object({ runId: z.string() }).openapi("RunCreated"),
  RunRetried: z.object({ runId: z.string(), retry_of: z.string() }).openapi("RunRetried"),
  RunChanged: z.object({ ok: z.literal(true), status, run: Run }).openapi("RunChanged"),
  RunPlan: z
    .object({
      mode: z.literal("plan"),
      plan: z.object({
        steps: z.array(z.looseObject({ id: z.string() })),
        levels: z.array(z.array(z.string())),
        warnings: z.array(z.string()),
      }),
    })
    .openapi("RunPlan"),
  CheckpointList: z.object({ runId: z.string(), checkpoints: z.array(Checkpoint), ...cursor }).openapi("CheckpointList"),
  CheckpointCreated: z.object({ checkpointId: z.string() }).openapi("CheckpointCreated"),
  CheckpointData: z.object({ data: json }).openapi("CheckpointData"),
  RunClaim: z
    .looseObject({
      runId: z.string(),
      attempt: z.number().int(),
      token: z.string(),
      lease_ms: z.number().int(),
      seen: z.number().int(),
      input: z.looseObject({}),
      plan: z.looseObject({}).optional().describe("of a run that has one"),
      run: z
        .looseObject({})
        .describe("the record that orco worker goes on from: times in epoch ms, fields may change; GET /runs/{runId} has the run"),
      steps: z.array(z.looseObject({})).describe("as former attempts left them, as records like run"),
    })
    .openapi("RunClaim"),
  RunHeartbeat: z
    .looseObject({ lease_ms: z.number().int(), cancel_requested: z.boolean(), paused: z.boolean(), seen: z.number().int() })
    .openapi("RunHeartbeat"),
  RunReported: z.object({ checkpoint_ids: z.array(z.string()) }).openapi("RunReported"),
  RunLogRecord: z
    .object({
      timestamp: z.string(),
      seq: z.number().int(),
      step: z.string(),
      attempt: z.number().int(),
      source: z.enum(["stdout", "stderr", "orco"]),
      level: z.string().optional(),
      message: z.string(),
    })
    .openapi("RunLogRecord"),
  Schedule,
  ScheduleList: z.object({ schedules: z.array(Schedule), ...cursor }).openapi("ScheduleList"),
  Ticket: z.object({ ticket: z.string(), path: z.string(), expires_at: z.string() }).openapi("Ticket"),
  Artifact,
  ArtifactList: z.object({ runId: z.string(), artifacts: z.array(Artifact) }).openapi("ArtifactList"),
} as const;
