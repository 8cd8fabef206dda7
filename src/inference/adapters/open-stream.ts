import type { UpstreamClient } from "../upstream/client.ts";
import type { Endpoint, EngineSink, EngineStream } from "./adapter.ts";
import { FramesBody, WholeBody } from "./answer-body.ts";
import type { EngineCall } from "./engine-call.ts";
import { AnswerStream } from "./engine-stream.ts";
import { SinkGate } from "./sink-gate.ts";

export interface StreamWish {
  readonly endpoint: Endpoint;
  readonly call: EngineCall;
  readonly sink: EngineSink;
  readonly traceparent?: string;
}

/** Sends what the task asks and reads the answer. */
export function openStream(client: UpstreamClient, { endpoint, call, sink, traceparent }: StreamWish): EngineStream {
  const { url, apiKey } = endpoint;
  const { path, body, answer, keep } = call;
  const accept = "read" in answer ? "text/event-stream" : "application/json";
  const request = { url, apiKey, traceparent, method: "POST", path, body: JSON.stringify(body), accept, keep } as const;
  const gate = new SinkGate(sink);
  const reader = "read" in answer ? new FramesBody({ url, apiKey }, answer, gate) : new WholeBody({ url, apiKey }, answer, gate);
  return new AnswerStream(request, reader, gate).start(client);
}
