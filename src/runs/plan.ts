import type { Json, JsonObject } from "../kernel/event.ts";

/** A plan as it is stored: checked, defaults filled in. The checks are in `plan-schema.ts` and `plan-check.ts`. Source: runs.md. */
export interface Plan {
  readonly steps: readonly PlanStep[];
  /** Steps at once; 2 × cores unless given. */
  readonly max_parallel?: number;
}

/** When a step runs, once all its needs have ended. */
export type When = "success" | "failure" | "always";

/** One of `command` (with `image`: in a container), `http`, `approval`, `wait_for`. */
export interface PlanStep {
  readonly id: string;
  readonly name?: string;
  readonly needs: readonly string[];
  /** `success`: all needs completed; `failure`: at least one failed (directly or as the cause of a skip); `always`. */
  readonly when: When;
  readonly command?: readonly string[];
  readonly image?: string;
  readonly http?: HttpStep;
  readonly approval?: ApprovalStep;
  readonly wait_for?: WaitForStep;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly workdir?: string;
  /** Of one execution. */
  readonly timeout_ms?: number;
  /** Between SIGTERM and SIGKILL. */
  readonly grace_ms: number;
  readonly retry: RetrySpec;
  /** Names it promises: it fails without them. */
  readonly outputs?: readonly string[];
  readonly for_each?: ForEach;
  /** Of containers and pods. */
  readonly resources?: { readonly cpu?: number; readonly memory_bytes?: number };
}

export interface HttpStep {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: Json;
}

export interface ApprovalStep {
  readonly roles?: readonly string[];
  readonly summary?: string;
  readonly content?: JsonObject;
  /** Then it fails with `approval_denied`; 24 h unless given. */
  readonly expires_ms: number;
}

export interface WaitForStep {
  /** Name of the signal; the step's id unless given. */
  readonly signal: string;
}

/** `max` executions after the first one failed; the wait doubles (by `factor`) from `min_ms` to `max_ms`. */
export interface RetrySpec {
  readonly max: number;
  readonly backoff: { readonly min_ms: number; readonly max_ms: number; readonly factor: number };
}

/** One execution an item, as the sub-steps `id[0]`, `id[1]`, …; `${item}`, `${item.<path>}` and `${index}` stand for it. */
export interface ForEach {
  /** Exactly one of these; `from` is a reference to an array: `${steps.a.outputs.list}`. */
  readonly items?: readonly Json[];
  readonly from?: string;
  /** 1 to 32. */
  readonly max_parallel: number;
}

export const MAX_STEPS = 10_000;
export const MAX_ITEMS = 10_000;
export const DEFAULT_GRACE_MS = 5000;
