import type { Json, JsonObject } from "../kernel/event.ts";

/** The wire objects of runs; types only. Every run has this shape: those of plans and workers (`runs/`), and the changes that are runs (`workflow/`). */

export type WireRunStatus = "pending" | "running" | "paused" | "completed" | "failed" | "canceled";

/** `GET /runs/{id}` (as `{run}`), and what every change answers with. Times are RFC 3339. */
export interface RunView {
  readonly id: string;
  /** `plan`, `external`, or what changes the system: `apply`, `deploy`, `rollback`, … */
  readonly kind: string;
  readonly mode: "local" | "redis" | "k8s";
  readonly name: string;
  readonly status: WireRunStatus;
  readonly owner: string;
  readonly metadata: JsonObject;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** Who executes it: counts up with every claim. */
  readonly attempt: number;
  /** Not in lists when there are more than 100, or more than 256 KiB of them. */
  readonly steps: readonly RunStepView[];
  /** Not in lists when the run is longer than 256 KiB. */
  readonly result?: Json;
  readonly error?: { readonly code: string; readonly message: string } & JsonObject;
  /** What it waits for, for a person: where several steps wait, an approval before others. */
  readonly waiting?: WaitingView;
  /** Somebody wants it to end, and it has not yet. */
  readonly cancelling?: string;
  readonly priority?: number;
  readonly concurrency_key?: string;
  readonly retry_of?: string;
  readonly schedule_id?: string;
  /** Who holds the lease. */
  readonly worker?: string;
  readonly stack?: string;
  readonly service?: string;
  /** The app it deploys. */
  readonly app?: string;
}

export interface RunStepView {
  /** `id[3]` is the fourth item of a `for_each` step. */
  readonly id: string;
  /**
   * pending, running, waiting, completed, failed, skipped, canceled, and `cancelling` while its processes are being ended; of changes of the system also
   * delivered (answered before anybody waited), undoing, undone, undo_failed.
   */
  readonly status: string;
  /** Executions so far. */
  readonly attempt?: number;
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** One line for a person: why it failed, was skipped, or what it does just now. */
  readonly message?: string;
  readonly outputs?: JsonObject;
  readonly error?: { readonly code: string; readonly message: string } & JsonObject;
  readonly progress?: { readonly percent?: number; readonly message?: string };
  readonly waiting?: StepWaitView;
  /** Its outputs were taken over from the run this one retries. */
  readonly reused?: boolean;
}

export interface StepWaitView {
  readonly kind: "approval" | "wait" | "for_each" | "retry";
  readonly summary: string;
  readonly since: string;
  /** What is approved; not in lists. */
  readonly content?: JsonObject;
  /** SHA-256 of its canonical JSON, in hex; an approval that carries it holds for nothing else. */
  readonly content_hash?: string;
  /** Who may decide; anybody when absent. */
  readonly roles?: readonly string[];
  readonly expires_at?: string;
}

export interface WaitingView extends StepWaitView {
  readonly step: string;
}

/** `GET /runs/{id}/checkpoints`, and the data of a `checkpoint` event. */
export interface CheckpointView {
  readonly id: string;
  readonly runId: string;
  /** RFC 3339. */
  readonly ts: string;
  readonly type: string;
  readonly data?: Json;
  readonly name?: string;
  readonly step?: string;
  readonly attempt?: number;
}
