import type { Json, JsonObject } from "../kernel/event.ts";

export const WORKLOADS = ["completion", "chat", "embedding", "rerank"] as const;
export type Workload = (typeof WORKLOADS)[number];
export const PRIORITIES = ["interactive", "batch"] as const;
export type Priority = (typeof PRIORITIES)[number];
export const ENGINES = ["llamacpp", "vllm", "tgi", "openai", "mock"] as const;
export type EngineKind = (typeof ENGINES)[number];
export type Determinism = "strict" | "best_effort";

/** Where the client wants its task to go. */
export interface PlacementWish {
  readonly mode: "auto" | "pin" | "prefer";
  /** Of `pin`. */
  readonly pinPoolId?: string;
  /** Best first. */
  readonly preferPools: readonly string[];
  readonly avoidPools: readonly string[];
  readonly allowFallback: boolean;
}

/** What a client of `/v1` sent, to be handed to the engine as it is. */
export interface OpenAiCall {
  /** On the engine, below its `/v1`. */
  readonly path: "/chat/completions" | "/completions" | "/embeddings";
  readonly body: JsonObject;
  /** The client wants a stream; upstream it is always one where the workload has one. */
  readonly stream: boolean;
  /** The client asked for the last chunk with `usage`. */
  readonly includeUsage: boolean;
}

/** One task, as admission takes it; `/v2/tasks` and `/v1/*` both become this. Durations in ms, lengths in tokens. */
export interface TaskRequest {
  readonly taskId: string;
  readonly workload: Workload;
  readonly model: string;
  readonly engine?: EngineKind;
  readonly prompt?: string;
  readonly messages?: readonly Json[];
  /** Of embedding: texts. Of rerank: `{query, documents}`. */
  readonly inputs?: Json;
  /** Present: the task came over `/v1`, and frames go through as bytes. */
  readonly openai?: OpenAiCall;
  /** Context the task needs. */
  readonly ctx?: number;
  readonly priority: Priority;
  readonly maxTokens?: number;
  readonly deadlineMs?: number;
  /** Always set: a fixed function of the task id where the client gave none (not for `/v1`, whose body is passed as it is). */
  readonly seed: number;
  readonly temperature?: number;
  readonly stop?: readonly string[];
  readonly determinism: Determinism;
  readonly expectedTokens?: number;
  readonly kvHint: "reuse" | "cold";
  readonly placement: PlacementWish;
  readonly sessionId?: string;
  /** Fair share is between these. */
  readonly shareKey: string;
  readonly cancelOnDisconnect: boolean;
  /** W3C traceparent of the caller, when it was valid. */
  readonly traceparent?: string;
  readonly requestId: string;
  /** Of the body it came in; what tasks under way hold together is bounded. */
  readonly bytes?: number;
}
