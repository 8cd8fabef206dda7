import type { ZodType } from "zod";
import type { OpenAiCall, TaskRequest } from "../inference/request.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Ctx, Deps } from "./context.ts";
import { type Answer, endpoint, json, type Site } from "./endpoint.ts";
import { RelayStream } from "./inference-stream.ts";
import { ChatBody, CompletionBody, EmbeddingBody, type OpenAiBody, openAiTask } from "./openai-call.ts";
import { failureError } from "./openai-error.ts";
import { openAiModelRoutes } from "./openai-models.ts";
import { isPlainChat } from "./openai-plain.ts";
import { OpenAiRates } from "./openai-rates.ts";
import { OpenAiWrapping } from "./openai-stream.ts";
import { WholeAnswer } from "./openai-whole.ts";
import { none } from "./schemas.ts";
import { SSE_HEADERS } from "./sse.ts";
import { MAX_TASK_BYTES } from "./task-bodies.ts";

/** The API that SDKs of OpenAI speak, on the same queue (inference.md, "OpenAI surface"). */
export function openAiRoutes(site: Site): void {
  openAiModelRoutes(site);
  const streamed: Answer = {
    description: "The engine's answer, whole or as a stream",
    content: { "application/json": "OpenAiAnswer", "text/event-stream": "OpenAiAnswer" },
  };
  const whole = json("The engine's answer", "OpenAiAnswer");
  const routes = { site, rates: new OpenAiRates(site.deps) };
  callRoute(routes, { path: "/chat/completions", id: "createChatCompletion", summary: "Chat", schema: ChatBody, answer: streamed });
  callRoute(routes, { path: "/completions", id: "createCompletion", summary: "Complete a text", schema: CompletionBody, answer: streamed });
  callRoute(routes, { path: "/embeddings", id: "createEmbedding", summary: "Embed texts", schema: EmbeddingBody, answer: whole });
}

interface CallRoute {
  readonly path: OpenAiCall["path"];
  readonly id: string;
  readonly summary: string;
  readonly schema: ZodType<OpenAiBody>;
  readonly answer: Answer;
}

function callRoute(
  { site, rates }: { readonly site: Site; readonly rates: OpenAiRates },
  { path, id, summary, schema, answer }: CallRoute,
): void {
  const { deps } = site;
  const isPlain = schema === ChatBody ? { isPlain: isPlainChat } : {};
  const body = { schema, required: true, exact: true, maxBytes: MAX_TASK_BYTES, ...isPlain };
  const operation = { method: "post", path: `/v1${path}`, id, summary, params: none, query: none, body, answers: { 200: answer } } as const;
  endpoint(site, operation, (c, input) => {
    if (input.body.kind !== "json") throw new OrcoError("invalid", "a body is needed");
    const request = openAiTask(c, deps, { path, body: input.body.value, exact: input.body.exact });
    c.env.hold();
    const headers = { "x-task-id": request.taskId, ...rates.headers(request.model) };
    return request.openai?.stream ? streamed(c, deps, { request, headers }) : answered(c, deps, { request, headers });
  });
}

interface Asked {
  readonly request: TaskRequest;
  /** Of the answer. */
  readonly headers: Readonly<Record<string, string>>;
}

async function answered(c: Ctx, { services, clock }: Deps, { request, headers }: Asked): Promise<Response> {
  const { openai } = request;
  if (!openai) throw new OrcoError("internal", "not a request of the OpenAI API");
  const whole = new WholeAnswer(services.inference.tasks.open(request), openai);
  const answer = await whole.answer(c.req.raw.signal);
  if (openai.path === "/embeddings") return c.json(answer, 200, headers);
  // What engines leave out and SDKs promise to be there.
  const prefix = openai.path === "/completions" ? "cmpl" : "chatcmpl";
  const named = { id: `${prefix}-${request.taskId}`, created: Math.floor(clock.now() / 1000), model: request.model };
  return c.json({ ...named, ...answer }, 200, headers);
}

/** The head waits for the engine: what fails before its first frame is a proper error. */
async function streamed(c: Ctx, deps: Deps, { request, headers }: Asked): Promise<Response> {
  const { body, includeUsage = false } = request.openai ?? {};
  const choices = typeof body?.["n"] === "number" ? body["n"] : 1;
  const wrapping = new OpenAiWrapping({ chat: request.workload === "chat", choices, includeUsage });
  const stream = new RelayStream(deps, wrapping);
  stream.join(() => deps.services.inference.tasks.open(request));
  // Made while the engine works.
  const answer = new Response(stream.body, { headers: { ...SSE_HEADERS, ...headers } });
  const early = await stream.opened(c.req.raw.signal);
  if (typeof early === "object" && "failure" in early) {
    stream.end("failed");
    throw failureError(early.failure);
  }
  if (typeof early === "string") throw over(early);
  c.set("streaming", true);
  return answer;
}

function over(reason: string): OrcoError {
  if (reason === "client") return new OrcoError("CANCELED", "the client has left");
  return new OrcoError("unavailable", "the server ends; come back when it is there again", { retry_after_s: 1 });
}
