import { isJsonObject, type Json, type JsonObject } from "../../kernel/event.ts";
import type { TaskRequest } from "../request.ts";
import type { EngineCall } from "./engine-call.ts";

/**
 * Embedding and rerank. Whatever the engine, the result of a task is
 * embedding: `[{index, embedding: number[]}]`, in the order of the inputs; rerank: `[{index, score}]`, best first as the engine ranks them.
 */
export function vectorCall(request: TaskRequest): EngineCall {
  return request.workload === "rerank" ? rerankCall(request) : embeddingCall(request);
}

/** OpenAI's `/v1/embeddings`. */
function embeddingCall({ model, inputs, prompt }: TaskRequest): EngineCall {
  const body = { model, input: inputs ?? prompt ?? "" };
  return { path: "/v1/embeddings", body, answer: { result: embeddingsIn }, keep: true };
}

/** Jina's and Cohere's `/v1/rerank`, as vLLM and llama.cpp have it. */
function rerankCall({ model, inputs }: TaskRequest): EngineCall {
  const body = { model, ...(isJsonObject(inputs) && inputs) };
  return { path: "/v1/rerank", body, answer: { result: (answer) => scores(field(answer, "results")) }, keep: true };
}

/** text-embeddings-inference, TGI's sibling: `/embed` and `/rerank`. */
export function textEmbeddingsCall({ workload, inputs, prompt }: TaskRequest): EngineCall {
  if (workload === "rerank") {
    const { query, documents } = isJsonObject(inputs) ? inputs : {};
    const body: JsonObject = { query: query ?? "", texts: documents ?? [] };
    return { path: "/rerank", body, answer: { result: (answer) => scores(answer) }, keep: true };
  }
  const body = { inputs: inputs ?? prompt ?? "" };
  return { path: "/embed", body, answer: { result: (answer) => embeddings(answer) }, keep: true };
}

/** Of an answer of OpenAI's `/v1/embeddings`; undefined: it is none. */
export function embeddingsIn(answer: Json): Json | undefined {
  return embeddings(field(answer, "data"));
}

/** Of objects with `embedding` and `index`, or of bare vectors in order. */
function embeddings(list: Json | undefined): Json | undefined {
  if (!Array.isArray(list)) return undefined;
  const found = list.map((item, at) => {
    if (!isJsonObject(item)) return Array.isArray(item) ? { index: at, embedding: item } : undefined;
    const { index = at, embedding } = item;
    return embedding === undefined ? undefined : { index, embedding };
  });
  const whole = found.filter((item) => item !== undefined);
  return whole.length === list.length ? whole.toSorted((a, b) => Number(a.index) - Number(b.index)) : undefined;
}

/** Of objects with `index`, and `relevance_score` or `score`. */
function scores(list: Json | undefined): Json | undefined {
  if (!Array.isArray(list)) return undefined;
  const found = list.flatMap((item) => {
    if (!isJsonObject(item) || typeof item["index"] !== "number") return [];
    const score = item["relevance_score"] ?? item["score"];
    return typeof score === "number" ? [{ index: item["index"], score }] : [];
  });
  return found.length === list.length ? found : undefined;
}

function field(answer: Json, name: string): Json | undefined {
  return isJsonObject(answer) ? answer[name] : undefined;
}
