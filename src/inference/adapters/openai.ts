import type { TaskRequest } from "../request.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { Adapter } from "./adapter.ts";
import { Ask } from "./ask.ts";
import type { EngineCall } from "./engine-call.ts";
import { healthOf, modelIds } from "./health.ts";
import { chatCall, completionCall, isChat, isVector, passedCall } from "./openai-call.ts";
import { openStream } from "./open-stream.ts";
import { vectorCall } from "./vector-call.ts";

/** What a server with OpenAI's API is asked for a task. */
export function openAiCallOf(request: TaskRequest): EngineCall {
  if (request.openai) return passedCall(request.openai);
  if (isVector(request)) return vectorCall(request);
  return isChat(request) ? chatCall(request) : completionCall(request);
}

/** Any server with OpenAI's API; `engine`: what it is called. */
export function openAiAdapter(client: UpstreamClient, engine: "openai" | "mock" = "openai"): Adapter {
  return {
    engine,
    health: (endpoint, signal) => healthOf(new Ask(client, endpoint, signal), { path: "/v1/models" }),
    props: async (endpoint, signal) => ({ models: modelIds(await new Ask(client, endpoint, signal).json("/v1/models")) }),
    stream: (endpoint, request, how) => openStream(client, { endpoint, call: openAiCallOf(request), ...how }),
  };
}
