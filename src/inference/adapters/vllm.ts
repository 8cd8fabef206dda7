import type { UpstreamClient } from "../upstream/client.ts";
import type { Adapter, EngineHealth, EngineProps } from "./adapter.ts";
import { Ask } from "./ask.ts";
import { countOf, healthOf, modelCards, modelIds } from "./health.ts";
import { openAiCallOf } from "./openai.ts";
import { openStream } from "./open-stream.ts";

/** A gauge of vLLM's metrics, one line per model. */
const GAUGE = /^vllm:num_requests_(running|waiting)(?:\{[^\n]*\})? ([0-9.e+]+)$/gm;

/** It batches as many as fit and does not say how many that are: only when some wait inside, none is free. */
async function slotsOf(ask: Ask): Promise<Partial<EngineHealth>> {
  const { body, fault } = await ask.get("/metrics");
  if (fault) return {};
  const counts = { running: 0, waiting: 0 };
  for (const [, which, value] of body.matchAll(GAUGE)) counts[which === "running" ? "running" : "waiting"] += Number(value);
  return { slotsBusy: counts.running + counts.waiting, ...(counts.waiting > 0 && { slotsFree: 0 }) };
}

async function propsOf(ask: Ask): Promise<EngineProps> {
  const models = await ask.json("/v1/models");
  const limits = modelCards(models).flatMap((card) => countOf(card["max_model_len"]) ?? []);
  return { models: modelIds(models), ...(limits.length > 0 && { ctxMax: Math.min(...limits) }) };
}

/** vLLM's OpenAI-compatible server. */
export function vllmAdapter(client: UpstreamClient): Adapter {
  return {
    engine: "vllm",
    health: (endpoint, signal) => healthOf(new Ask(client, endpoint, signal), { path: "/health", slots: slotsOf }),
    props: (endpoint, signal) => propsOf(new Ask(client, endpoint, signal)),
    stream: (endpoint, request, how) => openStream(client, { endpoint, call: openAiCallOf(request), ...how }),
  };
}
