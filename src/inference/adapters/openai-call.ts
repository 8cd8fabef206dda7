import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import type { OpenAiCall, TaskRequest } from "../request.ts";
import type { EngineCall } from "./engine-call.ts";
import { readOpenAi } from "./reading.ts";
import { embeddingsIn } from "./vector-call.ts";

/** What a client of `/v1` asked, for any engine that speaks OpenAI's API: its own body, so that what orco does not know is not lost. */
export function passedCall({ path, body, includeUsage }: OpenAiCall): EngineCall {
  if (path === "/embeddings")
    return { path: `/v1${path}`, body, answer: { result: (answer) => (embeddingsIn(answer) ? answer : undefined) }, keep: true };
  const options = isJsonObject(body["stream_options"]) ? body["stream_options"] : {};
  return {
    path: `/v1${path}`,
    body: { ...body, stream: true, stream_options: { ...options, include_usage: true } },
    answer: { read: readOpenAi, asFrames: { withUsage: includeUsage } },
    keep: true,
  };
}

/** Of the tasks that say how to generate. */
export function sampling({ maxTokens, seed, temperature, stop }: TaskRequest): JsonObject {
  return {
    seed,
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(stop !== undefined && { stop }),
  };
}

const STREAMED = { stream: true, stream_options: { include_usage: true } } as const;

export function chatCall(request: TaskRequest): EngineCall {
  const messages: readonly Json[] = request.messages ?? [{ role: "user", content: request.prompt ?? "" }];
  return {
    path: "/v1/chat/completions",
    body: { model: request.model, messages, ...sampling(request), ...STREAMED },
    answer: { read: readOpenAi },
    keep: true,
  };
}

export function completionCall(request: TaskRequest): EngineCall {
  return {
    path: "/v1/completions",
    body: { model: request.model, prompt: request.prompt ?? "", ...sampling(request), ...STREAMED },
    answer: { read: readOpenAi },
    keep: true,
  };
}

export function isChat({ workload, messages }: TaskRequest): boolean {
  return workload === "chat" || messages !== undefined;
}

export function isVector({ workload }: TaskRequest): boolean {
  return workload === "embedding" || workload === "rerank";
}
