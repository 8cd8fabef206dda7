import { z } from "zod";
import { ENGINES, PRIORITIES, type PlacementWish, type TaskRequest, WORKLOADS, type Workload } from "../inference/request.ts";
import type { Json } from "../kernel/event.ts";
import { uuidv7 } from "../kernel/id.ts";
import { reservedOf } from "./caller.ts";
import type { Ctx, Deps } from "./context.ts";

/** A list of prompts or of documents. */
export const MAX_TASK_BYTES = 32 * 1024 * 1024;
const MAX_LIST = 1000;
const label = z.string().min(1).max(200);
const count = z.int().min(1).max(1_000_000_000);
const pools = z.array(label).max(MAX_LIST);

const Placement = z
  .strictObject({
    mode: z.enum(["auto", "pin", "prefer"]).default("auto"),
    pin_pool_id: label.optional().describe("with mode pin"),
    prefer_pools: pools.default([]).describe("best first"),
    avoid_pools: pools.default([]),
    allow_fallback: z.boolean().default(true).describe("elsewhere, when no preferred pool can"),
  })
  .refine(({ mode, pin_pool_id: pin }) => mode !== "pin" || pin !== undefined, { path: ["pin_pool_id"], error: "is needed with mode pin" });

const RerankInputs = z.looseObject({ query: z.string(), documents: z.array(z.unknown()).min(1) });

/** `POST /v2/tasks` (inference.md, "Tasks"). */
export const TaskBody = z
  .strictObject({
    task_id: z.guid().toLowerCase().optional().describe("default: a new one; reusable once its task has ended"),
    session_id: label.optional(),
    workload: z.enum(WORKLOADS).optional().describe("default: completion; chat with messages, embedding with inputs"),
    model_ref: z.string().min(1).max(1000),
    engine: z.enum(ENGINES).optional(),
    prompt: z.string().min(1).optional().describe("of a completion"),
    messages: z
      .array(z.looseObject({ role: z.string().min(1) }))
      .min(1)
      .optional()
      .describe("of a chat"),
    inputs: z.unknown().optional().describe("of an embedding a text or a list of texts; of rerank {query, documents}"),
    ctx: count.optional().describe("tokens of context that the task needs"),
    priority: z.enum(PRIORITIES).default("interactive"),
    max_tokens: count.optional(),
    deadline_ms: count.optional().describe("from acceptance to the end of the task"),
    seed: z.int().optional().describe("default: a fixed function of task_id"),
    temperature: z.number().min(0).max(100).optional(),
    stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(MAX_LIST)]).optional(),
    determinism: z.enum(["strict", "best_effort"]).default("best_effort"),
    expected_tokens: z.int().min(0).max(1_000_000_000).optional(),
    kv_hint: z.enum(["reuse", "cold"]).default("reuse"),
    placement: Placement.prefault({}),
    cancel_on_disconnect: z.boolean().default(true).describe("when the last reader of its events leaves; never before the first came"),
  })
  .superRefine((body, context) => {
    const problem = inputProblem(body);
    if (problem) context.addIssue({ code: "custom", path: [problem.field], message: problem.message });
  })
  .meta({ id: "NewTask" });
export type NewTask = z.infer<typeof TaskBody>;

const FIELD = { completion: "prompt", chat: "messages", embedding: "inputs", rerank: "inputs" } as const;

function workloadOf({ workload, messages, inputs }: Pick<NewTask, "workload" | "messages" | "inputs">): Workload {
  if (workload !== undefined) return workload;
  if (messages !== undefined) return "chat";
  return inputs === undefined ? "completion" : "embedding";
}

function inputProblem(body: Pick<NewTask, "workload" | "prompt" | "messages" | "inputs">): { field: string; message: string } | undefined {
  const workload = workloadOf(body);
  const needed = FIELD[workload];
  if (body[needed] === undefined) return { field: needed, message: `is needed for the workload ${workload}` };
  const other = (["prompt", "messages", "inputs"] as const).find((field) => field !== needed && body[field] !== undefined);
  if (other) return { field: other, message: `does not go with the workload ${workload}, which takes ${needed}` };
  if (workload === "rerank" && !RerankInputs.safeParse(body.inputs).success)
    return { field: "inputs", message: "must be {query: a text, documents: a list}" };
  if (workload === "embedding" && !isTexts(body.inputs)) return { field: "inputs", message: "must be a text, or a list of at least one" };
  return undefined;
}

function isTexts(inputs: unknown): boolean {
  return typeof inputs === "string" || (Array.isArray(inputs) && inputs.length > 0 && inputs.every((input) => typeof input === "string"));
}

/** Whose turn it is counted as, and how the request is found again. */
export function taskRequest(c: Ctx, { clock }: Pick<Deps, "clock">, body: NewTask): TaskRequest {
  const taskId = body.task_id ?? reservedOf(c).id ?? uuidv7(clock);
  const { stop } = body;
  return {
    taskId,
    workload: workloadOf(body),
    model: body.model_ref,
    priority: body.priority,
    seed: body.seed ?? seedOf(taskId),
    determinism: body.determinism,
    kvHint: body.kv_hint,
    placement: wishOf(body.placement),
    shareKey: shareKeyOf(c, { session: body.session_id }),
    cancelOnDisconnect: body.cancel_on_disconnect,
    requestId: c.get("requestId"),
    bytes: c.get("bodyLength"),
    ...given("engine", body.engine),
    ...given("prompt", body.prompt),
    ...given("messages", body.messages as Json[] | undefined),
    ...given("inputs", body.inputs as Json | undefined),
    ...given("ctx", body.ctx),
    ...given("maxTokens", body.max_tokens),
    ...given("deadlineMs", body.deadline_ms),
    ...given("temperature", body.temperature),
    ...given("stop", typeof stop === "string" ? [stop] : stop),
    ...given("expectedTokens", body.expected_tokens),
    ...given("sessionId", body.session_id),
    ...given("traceparent", traceparentOf(c)),
  };
}

function wishOf(placement: NewTask["placement"]): PlacementWish {
  return {
    mode: placement.mode,
    preferPools: placement.prefer_pools,
    avoidPools: placement.avoid_pools,
    allowFallback: placement.allow_fallback,
    ...given("pinPoolId", placement.pin_pool_id),
  };
}

/** An optional field that is there. */
export function given<K extends string, V>(name: K, value: V | undefined): { [name in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]?: V });
}

/** Fair share is between these: users that the caller tells apart, else its sessions, else keys. */
export function shareKeyOf(c: Ctx, { user, session }: { user?: string | undefined; session?: string | undefined }): string {
  if (user !== undefined) return `user:${user}`;
  if (session !== undefined) return `session:${session}`;
  const key = c.get("keyFingerprint");
  return key === undefined ? "anonymous" : `key:${key}`;
}

/** 0…2³¹−1, the same for the same task on every machine (FNV-1a). */
export function seedOf(taskId: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < taskId.length; at++) hash = Math.imul(hash ^ taskId.charCodeAt(at), 0x01000193);
  return hash >>> 1;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Undefined when there is none, or it is not as W3C Trace Context has it. */
export function traceparentOf(c: Ctx): string | undefined {
  const header = c.req.header("traceparent");
  return header !== undefined && TRACEPARENT.test(header) ? header : undefined;
}
