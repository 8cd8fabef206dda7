import type { Json, JsonObject } from "../kernel/event.ts";

/** What a workflow function may do. Everything it learns from outside it learns inside a step, so that a replay takes the same way. */
export interface RunContext {
  readonly id: string;
  /** Aborts when the run is cancelled; its reason is the cause. */
  readonly signal: AbortSignal;
  /**
   * Runs `act` once and remembers its result: after a crash a completed step returns what it returned then, any other runs again
   * (so `act` must be safe to repeat). If a later step fails, `undo` of the completed steps runs in reverse order.
   */
  readonly step: <T extends Json>(name: string, act: () => Promise<T>, undo?: (result: T) => Promise<void>) => Promise<T>;
  /** One line of progress on the run's stream. */
  readonly progress: (message: string, data?: JsonObject) => void;
  /** Lets the next run of the lane begin while this one only waits. */
  readonly releaseLane: () => void;
}

export type Workflow = (context: RunContext, input: JsonObject) => Promise<Json>;

export type Workflows = Readonly<Record<string, Workflow>>;
