import type { Json, JsonObject } from "../../kernel/event.ts";
import { machine } from "../../kernel/machine.ts";
import type { TaskFailure } from "../failure.ts";
import type { Priority } from "../request.ts";

/**
 *  queued ──dispatch──▶ running ──complete──▶ completed
 *    │ ╲                   │ ╲
 *    │  ╲──────cancel──────┼──╲─────────────▶ canceled
 *    ╰─────────fail────────┴────────────────▶ failed
 */
export const TASK = machine(
  {
    queued: { dispatch: "running", cancel: "canceled", fail: "failed" },
    running: { complete: "completed", cancel: "canceled", fail: "failed" },
    completed: {},
    failed: {},
    canceled: {},
  },
  "task",
);
export type TaskState = "queued" | "running" | "completed" | "failed" | "canceled";

/** As `GET /v2/tasks/{id}` shows it. Times RFC 3339. */
export interface TaskView {
  readonly task_id: string;
  readonly job_id: string;
  readonly state: TaskState;
  readonly model_ref: string;
  readonly workload: string;
  readonly priority: Priority;
  readonly api: "tasks" | "openai";
  readonly session_id?: string;
  readonly pool_id: string | null;
  readonly replica_id: string | null;
  /** While it is queued. */
  readonly queue_position?: number;
  readonly predicted_start_ms?: number;
  readonly tokens_in: number;
  readonly tokens_out: number;
  readonly finish_reason?: string;
  readonly error?: TaskFailure;
  readonly accepted_at: string;
  readonly started_at?: string;
  readonly ended_at?: string;
}

/** The answer to `POST /v2/tasks`. */
export interface Accepted {
  readonly job_id: string;
  readonly task_id: string;
  readonly queue_position: number;
  readonly predicted_start_ms: number;
  readonly backoff_ms: number;
  readonly streams: { readonly sse: string; readonly sse_verbose: string };
  readonly preparation: { readonly steps: readonly JsonObject[] };
}

/** How a task ended well. Durations in ms. */
export interface TaskEnd {
  readonly tokens_in: number;
  readonly tokens_out: number;
  /** From the first token to the last. */
  readonly decode_ms: number;
  readonly finish_reason: string;
}

/** What the desk tells the one who relays a task, in the order of the stream; nothing follows `ended` or `failed`. */
export interface TaskOutput {
  started(info: { readonly queuePosition: number; readonly predictedStartMs: number }): void;
  /** The engine's answer has begun; of `/v1` streams the client's head may be sent. */
  opened(): void;
  token(text: string): void;
  /** Of `/v1`: whole frames as bytes, which may be kept; how many carry a token. */
  frames(bytes: Uint8Array, tokens: number): void;
  result(data: Json): void;
  /** Interleaved with the stream; may be dropped. `verbose`: only for those who asked for it. */
  metrics(data: JsonObject, verbose: boolean): void;
  /** `summary`: its metrics as a whole, which are not dropped. */
  ended(end: TaskEnd, summary?: JsonObject): void;
  failed(failure: TaskFailure): void;
}

/** What the one who relays asks of the desk. */
export interface TaskControl {
  /** No consumer takes more: pause upstream. */
  pause(): void;
  resume(): void;
  /** The last consumer has left, and the task wants to be canceled then. */
  abandoned(): void;
}
