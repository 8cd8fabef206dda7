import { z } from "zod";
import type { OpenAiCall, TaskRequest, Workload } from "../inference/request.ts";
import { PRIORITIES } from "../inference/request.ts";
import type { JsonObject } from "../kernel/event.ts";
import { OrcoError } from "../kernel/errors.ts";
import { uuidv7 } from "../kernel/id.ts";
import type { Ctx, Deps } from "./context.ts";
import { MAX_CHOICES } from "./openai-plain.ts";
import { given, seedOf, shareKeyOf, traceparentOf } from "./task-bodies.ts";

const count = z.int().min(1).nullish();
/** Of 64 bits, as OpenAI has it. */
const seed = z
  .number()
  .min(-(2 ** 63))
  .max(2 ** 63)
  .refine((value) => Number.isInteger(value), "must be a whole number")
  .meta({ type: "integer" });

/** What is read of every request; the rest, and this, goes to the engine as it came. */
const common = {
  model: z.string().min(1).max(1000),
  user: z.string().max(1000).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: count,
  max_completion_tokens: count,
  seed: seed.nullish(),
  n: z.int().min(1).max(MAX_CHOICES).nullish(),
};

/** A seed is for the engine alone. */
const READ: ReadonlySet<string> = new Set(Object.keys(common).filter((name) => name !== "seed"));

export const ChatBody = z
  .looseObject({ ...common, messages: z.array(z.looseObject({ role: z.string() })).min(1) })
  .meta({ id: "ChatCompletion" });
export const CompletionBody = z
  .looseObject({ ...common, prompt: z.union([z.string(), z.array(z.unknown()).min(1)]) })
  .meta({ id: "Completion" });
export const EmbeddingBody = z
  .looseObject({ model: common.model, user: common.user, input: z.union([z.string(), z.array(z.unknown()).min(1)]) })
  .meta({ id: "Embedding" });

/** The fields of any of them. */
export type OpenAiBody = Partial<z.infer<typeof ChatBody>> & { readonly model: string };

const WORKLOAD: Readonly<Record<OpenAiCall["path"], Workload>> = {
  "/chat/completions": "chat",
  "/completions": "completion",
  "/embeddings": "embedding",
};
const MAX_SESSION_ID = 200;

/**
 * The task behind a request of the OpenAI API. What that API has no field for comes in headers: `x-session-id`, `x-priority` (interactive, batch).
 * Throws `invalid` for a header that is wrong.
 */
export function openAiTask(
  c: Ctx,
  { clock }: Pick<Deps, "clock">,
  { path, body, exact }: { path: OpenAiCall["path"]; body: OpenAiBody; exact?: unknown },
): TaskRequest {
  const taskId = uuidv7(clock);
  const session = header(c, "x-session-id", {
    fits: (text) => text.length <= MAX_SESSION_ID,
    must: `have ${MAX_SESSION_ID} characters at most`,
  });
  const stream = body.stream === true && path !== "/embeddings";
  return {
    taskId,
    workload: WORKLOAD[path],
    model: body.model,
    openai: { path, body: passed(body, exact), stream, includeUsage: !stream || body.stream_options?.include_usage === true },
    priority: priorityOf(c),
    seed: body.seed ?? seedOf(taskId),
    determinism: "best_effort",
    kvHint: "reuse",
    placement: { mode: "auto", preferPools: [], avoidPools: [], allowFallback: true },
    shareKey: shareKeyOf(c, { user: body.user ?? undefined, session }),
    cancelOnDisconnect: true,
    requestId: c.get("requestId"),
    bytes: c.get("bodyLength"),
    ...given("maxTokens", body.max_completion_tokens ?? body.max_tokens ?? undefined),
    ...given("sessionId", session),
    ...given("traceparent", traceparentOf(c)),
  };
}

/** What the engine gets: the fields that are read here as they were read, the others as they were written. */
function passed(body: OpenAiBody, exact: unknown): JsonObject {
  if (exact === undefined) return body as JsonObject;
  const read = Object.entries(body).filter(([name]) => READ.has(name));
  return { ...(exact as JsonObject), ...(Object.fromEntries(read) as JsonObject) };
}

function priorityOf(c: Ctx): TaskRequest["priority"] {
  const named = header(c, "x-priority", {
    fits: (text) => PRIORITIES.some((priority) => priority === text),
    must: `be ${PRIORITIES.join(" or ")}`,
  });
  return named === "batch" ? "batch" : "interactive";
}

/** Undefined: not there, or empty. */
function header(c: Ctx, name: string, { fits, must }: { fits: (text: string) => boolean; must: string }): string | undefined {
  const text = c.req.header(name)?.trim();
  if (!text) return undefined;
  if (!fits(text))
    throw new OrcoError("invalid", `the header ${name} must ${must}, not ${JSON.stringify(text.slice(0, 80))}`, { param: name });
  return text;
}
