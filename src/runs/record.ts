import type { Json, JsonObject } from "../kernel/event.ts";
import { machine } from "../kernel/machine.ts";
import type { RunError } from "../workflow/run.ts";

/**
 * A run that a user made: a plan, or work that a worker of his own claims (`external`).
 *
 *           admit, claim              finish
 *   pending ────────────▶ running ──────────────▶ completed
 *    │  ▲ ▲                │ │ ▲ │  fail ────────▶ failed
 *    │  │ └─── requeue ────┘ │ │ └─ cancel ──────▶ canceled   (from everywhere but the ends)
 *    │  └ unpause ─┐   pause │ │ resume
 *    └─ pause ───▶ paused ◀──┘ │
 *                     └────────┘
 *
 * `requeue`: its worker was lost. Nothing leaves the last three.
 */
export const RUN = machine(
  {
    pending: { begin: "running", pause: "paused", fail: "failed", cancel: "canceled" },
    running: { begin: "running", pause: "paused", requeue: "pending", finish: "completed", fail: "failed", cancel: "canceled" },
    paused: { resume: "running", unpause: "pending", requeue: "paused", finish: "completed", fail: "failed", cancel: "canceled" },
    completed: {},
    failed: {},
    canceled: {},
  },
  "run",
);
export type RunStatus = (typeof RUN.states)[number];
export type RunEvent = Parameters<typeof RUN.next>[1];

/**
 *   pending ─ begin ─▶ running ─ finish ─▶ completed
 *     │ │ │              │  ▲ ├─ fail ───▶ failed
 *     │ │ └─ wait ─▶ waiting  └─ stop ───▶ cancelling ─ cancel ─▶ canceled
 *     │ └─ skip ─▶ skipped   (wait, begin again: backoff, approval, signal, items)
 *     └─ cancel ─▶ canceled
 *
 * `begin` on running: executed once more (its executor was lost).
 */
export const STEP = machine(
  {
    pending: { begin: "running", wait: "waiting", skip: "skipped", cancel: "canceled", finish: "completed", fail: "failed" },
    running: {
      begin: "running",
      tell: "running",
      wait: "waiting",
      finish: "completed",
      fail: "failed",
      stop: "cancelling",
      cancel: "canceled",
    },
    waiting: { begin: "running", wait: "waiting", finish: "completed", fail: "failed", cancel: "canceled" },
    cancelling: { cancel: "canceled", finish: "completed", fail: "failed", tell: "cancelling" },
    completed: {},
    failed: {},
    skipped: {},
    canceled: {},
  },
  "step",
);
export type StepStatus = (typeof STEP.states)[number];
export type StepEvent = Parameters<typeof STEP.next>[1];

export type RunMode = "local" | "redis" | "k8s";

/** As it is stored in `runs.row`; its plan and input are in `run_plans`. Times are epoch ms. */
export interface RunRecord {
  readonly engine: "plan";
  readonly id: string;
  readonly kind: "plan" | "external";
  readonly mode: RunMode;
  readonly status: RunStatus;
  readonly name: string;
  readonly owner: string;
  readonly metadata: JsonObject;
  /** `key/<concurrency_key>`, else `run/<id>`. */
  readonly lane: string;
  readonly concurrency?: Concurrency;
  /** -100 to 100, higher first; 0 unless given. */
  readonly priority: number;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** From its first start. */
  readonly timeoutMs?: number;
  /** Counts claims; a daemon that drives it itself is attempt 1. */
  readonly attempt: number;
  /** `n` of the last report of this attempt. */
  readonly reported?: number;
  /** SHA-256 of the token of this attempt, hex. */
  readonly tokenHash?: string;
  readonly worker?: string;
  /** Dispatches to redis or k8s so far. */
  readonly dispatch: number;
  /** Leases that ran out without progress in between. */
  readonly losses: number;
  readonly cancelling?: { readonly reason: string; readonly force: boolean };
  readonly result?: Json;
  readonly error?: RunError;
  readonly retryOf?: string;
  readonly scheduleId?: string;
  readonly webhook?: { readonly url: string; readonly secretEnv?: string };
  /** W3C trace context of whoever created it. */
  readonly traceparent?: string;
}

export interface Concurrency {
  readonly key: string;
  /** Runs of the key at once, 1 unless given. */
  readonly limit: number;
  /** What a new run does when the key is full: wait, be refused with `busy`, or cancel the oldest one. */
  readonly policy: "queue" | "reject" | "replace";
}

/** As it is stored in `run_steps.row`; a step that has no row is pending. Times are epoch ms. */
export interface StepState {
  /** `id`, or `id[3]` for the fourth item of a `for_each`. */
  readonly id: string;
  readonly status: StepStatus;
  /** Executions begun. */
  readonly attempt: number;
  /** Executions that failed: these count against `retry.max`, lost ones do not. */
  readonly failures: number;
  readonly startedAt?: number;
  /** Of the execution under way; `startedAt` is that of the first. */
  readonly begunAt?: number;
  readonly endedAt?: number;
  readonly outputs?: JsonObject;
  readonly error?: RunError;
  /** Why it was skipped, what it waits for; one line. */
  readonly message?: string;
  readonly waiting?: StepWaiting;
  readonly progress?: { readonly percent?: number; readonly message?: string };
  /** What the executor needs to find the execution again: an instance, a container, a job. */
  readonly execution?: string;
  /** Bytes of its stdout whose checkpoints and outputs are recorded. */
  readonly consumed?: number;
  /** Of this step's last checkpoint: the id, for ORCO_RESUME. */
  readonly checkpoint?: string;
  /** Of a `for_each`: how many items it has. */
  readonly items?: number;
  readonly reused?: boolean;
}

export interface StepWaiting {
  readonly kind: "approval" | "wait" | "for_each" | "retry";
  readonly summary: string;
  readonly since: number;
  readonly expiresAt?: number;
  /** Of `retry`: when it begins again. */
  readonly until?: number;
  /** Of `wait`: the signal's name. */
  readonly signal?: string;
  readonly content?: JsonObject;
  readonly contentHash?: string;
  readonly roles?: readonly string[];
}

/** One transition of a step, as whoever drives the run reports it. What is absent stays as it is; `null` takes it away. */
export interface StepChange {
  readonly step: string;
  readonly event: StepEvent;
  readonly set?: Partial<Omit<StepState, "id" | "status" | "waiting" | "error" | "progress">>;
  readonly waiting?: StepWaiting;
  readonly error?: RunError;
  readonly progress?: StepState["progress"];
}

export interface NewCheckpoint {
  readonly type: string;
  readonly data?: Json;
  readonly name?: string;
  readonly step?: string;
  readonly attempt?: number;
  /** Epoch ms of whoever made it; now unless given. */
  readonly ts?: number;
}
