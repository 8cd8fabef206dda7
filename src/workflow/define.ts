import type { Json, JsonObject } from "../kernel/event.ts";

export interface StepOptions<T> {
  /**
   * Runs when a later step fails or the run is cancelled, in reverse order of the steps. Must be safe to repeat, and after a partial `act`:
   * then `result` is undefined. `signal` aborts after `undoTimeoutMs`; the others are undone all the same.
   */
  readonly undo?: (result: T | undefined, signal: AbortSignal) => Promise<void>;
  /** 60 s unless given. */
  readonly undoTimeoutMs?: number;
  /** Then the step's signal aborts and the step fails with `timeout`. */
  readonly timeoutMs?: number;
}

/** What an approver sees, and is bound to: another content voids the approval. */
export interface ApprovalRequest {
  /** One line for a person. */
  readonly summary: string;
  /** Everything that is approved; its canonical JSON is hashed. */
  readonly content: JsonObject;
  /** Who may decide; anybody when absent. */
  readonly roles?: readonly string[];
  /** Then the run fails with `approval_denied` (expired). */
  readonly expiresMs: number;
}

export interface Approval {
  readonly decision: "approve" | "reject";
  readonly approver: { readonly id: string; readonly role?: string };
  readonly comment?: string;
  /** Epoch ms. */
  readonly at: number;
  readonly content_hash: string;
}

export interface WaitOptions {
  /** What is waited for, shown by `orco runs`. */
  readonly what: string;
  readonly timeoutMs?: number;
}

/** What a workflow function may do. Everything it learns from outside it learns inside a step, so that a replay takes the same way. */
export interface RunContext {
  readonly id: string;
  /** Aborts when the run is cancelled; its reason is the cause. */
  readonly signal: AbortSignal;
  /**
   * Runs `act` once and remembers its result: after a crash a completed step returns what it returned then, any other runs again
   * (so `act` must be safe to repeat). If a later step fails, `undo` of the completed steps, and of the one that failed, runs in reverse order:
   * a crash in the midst of unwinding goes on unwinding. `signal` aborts with the run, or at the step's own timeout.
   */
  readonly step: <T extends Json>(name: string, act: (signal: AbortSignal) => Promise<T>, options?: StepOptions<T>) => Promise<T>;
  /**
   * A step that waits for `Runs.deliver(run, name, value)`: shown as `waiting`, survives the daemon. A value delivered before the wait begins counts.
   * Fails with `timeout`; the deadline is the same after a restart.
   */
  readonly waitFor: (name: string, options: WaitOptions) => Promise<Json>;
  /** Waits for a decision about exactly this content. Resolves when approved; fails with `approval_denied` when rejected or expired. */
  readonly approval: (name: string, request: ApprovalRequest) => Promise<Approval>;
  /** One line of progress on the run's stream. */
  readonly progress: (message: string, data?: JsonObject) => void;
  /** Lets the next run of the lane begin while this one only waits. */
  readonly releaseLane: () => void;
}

export type Workflow = (context: RunContext, input: JsonObject) => Promise<Json>;

export type Workflows = Readonly<Record<string, Workflow>>;
