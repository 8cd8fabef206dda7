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
  /** Aborts when the run is cancelled, or its function has ended; its reason is the cause. */
  readonly signal: AbortSignal;
  /**
   * Runs `act` once and remembers how it ended: after a crash a completed step returns what it returned then, a failed one fails with the same
   * error, one that was under way runs again (so `act` must be safe to repeat). Names are unique within a run (`internal` otherwise); steps may run
   * in parallel. If the run fails or is cancelled, `undo` of every step that began runs in reverse order of their beginning, also of those that
   * failed half-way or whose failure the workflow caught: a crash in the midst of unwinding goes on unwinding, for which the function is called
   * once more up to the steps it had begun. `signal` aborts with the run, or at the step's own timeout; an `act` that has not ended 10 s later is left
   * behind, its step fails, and whatever it still does is undone when it ends.
   */
  readonly step: <T extends Json>(name: string, act: (signal: AbortSignal) => Promise<T>, options?: StepOptions<T>) => Promise<T>;
  /**
   * A step that waits for `Runs.deliver(run, name, value)`: shown as `waiting`, survives the daemon. A value delivered before the wait begins counts.
   * Fails with `timeout`; the deadline is the same after a restart, and a wall clock that jumps does not move it within a daemon.
   */
  readonly waitFor: (name: string, options: WaitOptions) => Promise<Json>;
  /**
   * Waits for `Runs.decide` about exactly this content. Resolves when approved; fails with `approval_denied` when rejected (facts: approver, approver_role, decided_at, comment) or
   * expired (facts: expired). Where a resumed run asks for other content than it did before: undecided, the question is that of now, with the first
   * deadline; decided, it fails with `approval_void`.
   */
  readonly approval: (name: string, request: ApprovalRequest) => Promise<Approval>;
  /** One line of progress on the run's stream: 1,000 a run, 2,000 characters, 8 KiB of data at most (what is more is dropped); none while unwinding. */
  readonly progress: (message: string, data?: JsonObject) => void;
  /** Lets the next run of the lane begin while this one only waits. */
  readonly releaseLane: () => void;
}

export type Workflow = (context: RunContext, input: JsonObject) => Promise<Json>;

export type Workflows = Readonly<Record<string, Workflow>>;
