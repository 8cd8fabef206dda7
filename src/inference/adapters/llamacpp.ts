import { isJsonObject, type JsonObject } from "../../kernel/event.ts";
import type { TaskRequest } from "../request.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { Adapter, EngineHealth, EngineProps } from "./adapter.ts";
import { Ask } from "./ask.ts";
import type { EngineCall } from "./engine-call.ts";
import { countOf, healthOf, modelIds } from "./health.ts";
import { chatCall, isChat, isVector, passedCall, sampling } from "./openai-call.ts";
import { openStream } from "./open-stream.ts";
import { errorIn, finishOf, type Reading, tokensFrom } from "./reading.ts";
import { vectorCall } from "./vector-call.ts";

const FINISH: Readonly<Record<string, string>> = { eos: "stop", word: "stop", limit: "length" };

/** A frame of `/completion`, which has no `[DONE]`: the one with `stop` is the last. */
export function readCompletion(frame: JsonObject): Reading {
  const error = errorIn(frame);
  if (error !== undefined) return { text: "", aside: false, error };
  const { content, stop, stop_type: stopType, tokens_evaluated: tokensIn, tokens_predicted: tokensOut } = frame;
  const text = typeof content === "string" ? content : "";
  if (stop !== true) return { text, aside: false };
  return {
    text,
    aside: false,
    finish: finishOf(stopType, FINISH),
    last: true,
    ...tokensFrom(tokensIn, tokensOut),
  };
}

function callOf(request: TaskRequest): EngineCall {
  if (request.openai) return unkept(passedCall(request.openai));
  if (isVector(request)) return vectorCall(request);
  const cache = { cache_prompt: request.kvHint === "reuse" };
  if (!isChat(request)) return completionCall(request, cache);
  const chat = unkept(chatCall(request));
  return { ...chat, body: { ...chat.body, ...cache } };
}

function completionCall(request: TaskRequest, cache: JsonObject): EngineCall {
  const { max_tokens: limit, ...rest } = sampling(request);
  return {
    path: "/completion",
    body: {
      model: request.model,
      prompt: request.prompt ?? "",
      stream: true,
      ...rest,
      ...cache,
      ...(limit !== undefined && { n_predict: limit }),
    },
    answer: { read: readCompletion },
    keep: false,
  };
}

/** After a streamed answer it closes the connection although it said it would keep it. */
function unkept(call: EngineCall): EngineCall {
  return "read" in call.answer ? { ...call, keep: false } : call;
}

async function slotsOf(ask: Ask): Promise<Partial<EngineHealth>> {
  const slots = await ask.json("/slots");
  if (!Array.isArray(slots)) return {};
  const slotsBusy = slots.filter((slot) => isJsonObject(slot) && slot["is_processing"] === true).length;
  return { slotsTotal: slots.length, slotsFree: slots.length - slotsBusy, slotsBusy };
}

/** Models, slots and context, as llama.cpp tells them; without `/props` the models alone. */
export async function propsOf(ask: Ask): Promise<EngineProps> {
  const [models, props] = [modelIds(await ask.json("/v1/models")), await ask.maybe("/props")];
  if (!isJsonObject(props)) return { models };
  const { total_slots: total, default_generation_settings: settings, model_alias: alias } = props;
  const slots = countOf(total);
  const ctxMax = isJsonObject(settings) ? countOf(settings["n_ctx"]) : undefined;
  const named = typeof alias === "string" && alias !== "" && !models.includes(alias) ? [...models, alias] : models;
  return { models: named, ...(slots !== undefined && { slots }), ...(ctxMax !== undefined && { ctxMax }) };
}

/** llama.cpp's own server. */
export function llamacppAdapter(client: UpstreamClient): Adapter {
  return {
    engine: "llamacpp",
    health: (endpoint, signal) => healthOf(new Ask(client, endpoint, signal), { path: "/health", slots: slotsOf }),
    props: (endpoint, signal) => propsOf(new Ask(client, endpoint, signal)),
    stream: (endpoint, request, how) => openStream(client, { endpoint, call: callOf(request), ...how }),
  };
}
