import type { Json } from "../../kernel/event.ts";
import type { EngineKind, TaskRequest } from "../request.ts";

/** One engine process, as the control plane reaches it. */
export interface Endpoint {
  /** Without a trailing slash and without `/v1`: `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly apiKey?: string;
}

/** What an engine says about itself. Undefined: it does not say. */
export interface EngineHealth {
  readonly live: boolean;
  /** Takes requests. */
  readonly ready: boolean;
  readonly detail?: string;
  readonly slotsTotal?: number;
  readonly slotsFree?: number;
  /** Requests that it works on, or holds back itself. */
  readonly slotsBusy?: number;
}

export interface EngineProps {
  readonly models: readonly string[];
  readonly slots?: number;
  /** Tokens that one request may fill. */
  readonly ctxMax?: number;
}

export interface EngineEnd {
  /** `stop`, `length`, `tool_calls`, `content_filter`, … */
  readonly finishReason: string;
  /** Of the prompt, where the engine says. */
  readonly tokensIn?: number;
  readonly tokensOut?: number;
}

/**
 * Why a stream ended without an end. `connect`: nobody answered, or the connection broke before the first byte of a head; `http`: 429, 5xx, a 200 that is no event stream, or
 * whose first frame is an error; `refused`: the engine's own 4xx, also told by an error of a 200; `reset`: it died, or sent an error frame, after the head; `canceled`: `cancel()` was called.
 */
export type FaultKind = "connect" | "http" | "refused" | "reset" | "canceled";

export class EngineFault extends Error {
  override readonly name = "EngineFault";
  constructor(
    readonly kind: FaultKind,
    message: string,
    readonly facts: {
      readonly status?: number;
      readonly retryAfterMs?: number;
      /** OpenAI-shaped error body of the engine, where it sent one. */
      readonly body?: Json;
      /** What may be kept of it, where the message has the engine's own words: they may repeat the prompt. */
      readonly kept?: string;
    } = {},
  ) {
    super(message);
  }
}

/** Where the pieces of one answer go. Called synchronously as bytes come; never after `cancel()`, nor after `end` is settled. */
export interface EngineSink {
  /** The first frame is there and it is none of an error. */
  opened(): void;
  /** Of `/v2`: the text of one token (whole characters; what an engine splits is put together). */
  token(text: string): void;
  /** Of `/v1`: whole SSE frames as the engine sent them, without its `[DONE]`; `tokens`: how many of them carry a token. `bytes` may be kept. */
  frames(bytes: Uint8Array, tokens: number): void;
  /** Of workloads that do not stream: embedding, rerank. Of `/v1` embeddings the engine's whole JSON answer. */
  result(data: Json): void;
  /** A frame that could not be read was skipped. */
  skipped(): void;
  /** Of `/v2`: the model works, on something that is none of the answer's text (it thinks, it calls a tool). */
  alive?(): void;
}

export interface EngineStream {
  /** Rejects with `EngineFault`. */
  readonly end: Promise<EngineEnd>;
  /** Takes nothing more from the engine until `resume()`; its own socket fills up. */
  pause(): void;
  resume(): void;
  /** Closes the connection at once. Idempotent. */
  cancel(): void;
}

/** How orco talks to one kind of engine. No state of its own besides idle connections. */
export interface Adapter {
  readonly engine: EngineKind;
  /** Never throws; an engine that does not answer is not live. */
  health(endpoint: Endpoint, signal: AbortSignal): Promise<EngineHealth>;
  /** Throws `EngineFault`. */
  props(endpoint: Endpoint, signal: AbortSignal): Promise<EngineProps>;
  /** `traceparent`: sent upstream. */
  stream(endpoint: Endpoint, request: TaskRequest, how: { readonly sink: EngineSink; readonly traceparent?: string }): EngineStream;
}
