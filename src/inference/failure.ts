import { INFERENCE_CODES, OrcoError } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";

/** The codes of inference.md that a task, or a request about one, can fail with. */
export type FailureCode = (typeof INFERENCE_CODES)[number];

/** The same request may succeed later, or elsewhere. */
const RETRIABLE: ReadonlySet<FailureCode> = new Set([
  "ADMISSION_REJECT",
  "QUEUE_FULL_DROP_LRU",
  "POOL_UNAVAILABLE",
  "POOL_UNREADY",
  "REPLICA_EXHAUSTED",
  "DECODE_TIMEOUT",
  "WORKER_RESET",
]);

export interface FailureFacts {
  readonly retriable?: boolean;
  /** Also becomes Retry-After and X-Backoff-Ms. */
  readonly retry_after_ms?: number;
  readonly policy_label?: string;
  readonly engine?: string;
  /** The message as it may be written down, where it has an engine's own words: they may repeat the prompt. */
  readonly kept?: string;
  readonly [fact: string]: unknown;
}

/** An expected failure of a task or of a request about one. `retriable` follows from the code unless it is given. */
export function failure(code: FailureCode, message: string, facts: FailureFacts = {}): OrcoError {
  return new OrcoError(code, message, { retriable: RETRIABLE.has(code), ...facts });
}

/** How a task failed, as its terminal event and its state show it. */
export interface TaskFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly retriable: boolean;
  readonly engine?: string;
  readonly retry_after_ms?: number;
}

/** Of whatever was thrown; what is not expected is INTERNAL. */
export function taskFailure(error: unknown): TaskFailure {
  if (!(error instanceof OrcoError) || !isFailureCode(error.code))
    return { code: "INTERNAL", message: "something went wrong inside the daemon; its log has the details", retriable: false };
  const { retriable, engine, retry_after_ms: retryAfterMs } = error.facts;
  return {
    code: error.code,
    message: error.message,
    retriable: retriable === true,
    ...(typeof engine === "string" && { engine }),
    ...(typeof retryAfterMs === "number" && { retry_after_ms: retryAfterMs }),
  };
}

/** What may be written down instead of the message; undefined: the message. */
export function keptMessage(error: unknown): string | undefined {
  const kept = error instanceof OrcoError ? error.facts["kept"] : undefined;
  return typeof kept === "string" ? kept : undefined;
}

export function failureJson(failure: TaskFailure): JsonObject {
  return { ...failure };
}

function isFailureCode(code: string): code is FailureCode {
  return (INFERENCE_CODES as readonly string[]).includes(code);
}
