import { z } from "@hono/zod-openapi";

/** The wire objects of tasks (`inference/tasks/task.ts`) and of the OpenAI surface, as they are documented. */

const failure = z.object({
  code: z.string(),
  message: z.string(),
  retriable: z.boolean(),
  engine: z.string().optional(),
  retry_after_ms: z.number().optional(),
});

const Task = z
  .object({
    task_id: z.string(),
    job_id: z.string(),
    state: z.enum(["queued", "running", "completed", "failed", "canceled"]),
    model_ref: z.string(),
    workload: z.string(),
    priority: z.enum(["interactive", "batch"]),
    api: z.enum(["tasks", "openai"]),
    session_id: z.string().optional(),
    pool_id: z.string().nullable(),
    replica_id: z.string().nullable(),
    queue_position: z.number().int().optional(),
    predicted_start_ms: z.number().optional(),
    tokens_in: z.number().int(),
    tokens_out: z.number().int(),
    finish_reason: z.string().optional(),
    error: failure.optional(),
    accepted_at: z.string(),
    started_at: z.string().optional(),
    ended_at: z.string().optional(),
  })
  .openapi("Task");

const candidate = { pool: z.string(), replica: z.string().optional() };

export const TASK_ANSWERS = {
  Task,
  TaskList: z.object({ tasks: z.array(Task), next_cursor: z.string().optional() }).openapi("TaskList"),
  TaskAccepted: z
    .object({
      job_id: z.string(),
      task_id: z.string(),
      queue_position: z.number().int(),
      predicted_start_ms: z.number(),
      backoff_ms: z.number(),
      streams: z.object({ sse: z.string(), sse_verbose: z.string() }),
      preparation: z.object({ steps: z.array(z.looseObject({})) }),
    })
    .openapi("TaskAccepted"),
  /** Data of one event of a task's stream. */
  TaskEvent: z
    .union([
      z.object({ queue_position: z.number().int(), predicted_start_ms: z.number() }),
      z.object({ t: z.string(), i: z.number().int() }),
      z.object({ tokens_out: z.number().int(), decode_ms: z.number(), decode_time_ms: z.number(), finish_reason: z.string() }),
      failure,
      z.looseObject({}),
    ])
    .openapi("TaskEvent"),
  PlacementExplanation: z
    .object({
      pool: z.string().nullable(),
      replica: z.string().nullable(),
      reason: z.string(),
      candidates: z.array(z.object({ ...candidate, score: z.number() })),
      filtered: z.array(z.object({ ...candidate, why: z.string() })),
    })
    .openapi("PlacementExplanation"),
  InferenceCapabilities: z.looseObject({}).openapi("InferenceCapabilities"),
  OpenAiModel: z
    .looseObject({ id: z.string(), object: z.literal("model"), created: z.number(), owned_by: z.string() })
    .openapi("OpenAiModel"),
  OpenAiModelList: z.object({ object: z.literal("list"), data: z.array(z.looseObject({ id: z.string() })) }).openapi("OpenAiModelList"),
  /** As the OpenAI API has it: the engine's own answer. */
  OpenAiAnswer: z.looseObject({}).openapi("OpenAiAnswer"),
} as const;
