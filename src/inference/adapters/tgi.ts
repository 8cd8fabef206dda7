import { isJsonObject, type JsonObject } from "../../kernel/event.ts";
import type { TaskRequest } from "../request.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { Adapter, EngineProps } from "./adapter.ts";
import { Ask } from "./ask.ts";
import type { EngineCall } from "./engine-call.ts";
import { countOf, healthOf } from "./health.ts";
import { chatCall, isChat, isVector, passedCall } from "./openai-call.ts";
import { openStream } from "./open-stream.ts";
import { errorIn, finishOf, type Reading, tokensFrom } from "./reading.ts";
import { textEmbeddingsCall } from "./vector-call.ts";

const FINISH: Readonly<Record<string, string>> = { eos_token: "stop", stop_sequence: "stop", length: "length" };

/** A frame of `/generate_stream`: one token each; the one with `generated_text` is the last. */
export function readGenerated(frame: JsonObject): Reading {
  const error = errorIn(frame);
  if (error !== undefined) return { text: "", aside: false, error };
  const { token, generated_text: whole, details } = frame;
  const spoken = isJsonObject(token) && token["special"] !== true ? token["text"] : undefined;
  const text = typeof spoken === "string" ? spoken : "";
  if (typeof whole !== "string") return { text, aside: false };
  const { finish_reason: why, generated_tokens: tokensOut, input_length: tokensIn } = isJsonObject(details) ? details : {};
  return {
    text,
    aside: false,
    finish: finishOf(why, FINISH),
    last: true,
    ...tokensFrom(tokensIn, tokensOut),
  };
}

function callOf(request: TaskRequest): EngineCall {
  if (request.openai) return passedCall(request.openai);
  if (isVector(request)) return textEmbeddingsCall(request);
  return isChat(request) ? chatCall(request) : generateCall(request);
}

function generateCall({ prompt, maxTokens, seed, temperature, stop }: TaskRequest): EngineCall {
  // A temperature of 0 is refused there: greedy is what it does unless it is told to sample.
  const sampled = temperature !== undefined && temperature > 0;
  const parameters: JsonObject = {
    details: true,
    seed,
    ...(maxTokens !== undefined && { max_new_tokens: maxTokens }),
    ...(sampled && { do_sample: true, temperature }),
    ...(stop !== undefined && { stop }),
  };
  return { path: "/generate_stream", body: { inputs: prompt ?? "", parameters }, answer: { read: readGenerated }, keep: true };
}

async function propsOf(ask: Ask): Promise<EngineProps> {
  const info = await ask.json("/info");
  const {
    model_id: id,
    max_total_tokens: total,
    max_input_length: input,
    max_concurrent_requests: concurrent,
  } = isJsonObject(info) ? info : {};
  const [ctxMax, slots] = [countOf(total) ?? countOf(input), countOf(concurrent)];
  return { models: typeof id === "string" ? [id] : [], ...(ctxMax !== undefined && { ctxMax }), ...(slots !== undefined && { slots }) };
}

/** Hugging Face's text-generation-inference, and text-embeddings-inference beside it. */
export function tgiAdapter(client: UpstreamClient): Adapter {
  return {
    engine: "tgi",
    health: (endpoint, signal) => healthOf(new Ask(client, endpoint, signal), { path: "/health" }),
    props: (endpoint, signal) => propsOf(new Ask(client, endpoint, signal)),
    stream: (endpoint, request, how) => openStream(client, { endpoint, call: callOf(request), ...how }),
  };
}
