import type { PlanStep } from "../plan.ts";
import type { RunFinish, StepEnd } from "../ports.ts";
import type { RunRecord, StepChange } from "../record.ts";

/** What a decision looks at besides the steps. */
export interface Moment {
  /** Epoch ms, of a clock that does not jump. */
  readonly now: number;
  readonly run: RunRecord;
  /** Executions at once. */
  readonly maxParallel: number;
  /** Executions that have ended and are not recorded as ended, by step. */
  readonly ended: ReadonlyMap<string, EndedExecution>;
}

export interface EndedExecution {
  readonly step: string;
  readonly attempt: number;
  readonly end: StepEnd;
  /** It was stopped since it took longer than its `timeout_ms`. */
  readonly timedOut: boolean;
  /** How often in a row it was lost while this driver looked on, this time included. */
  readonly losses: number;
}

export interface StepDecision {
  readonly do: "start" | "expand" | "wait" | "skip" | "complete" | "fail" | "retry" | "stop" | "cancel";
  readonly step: string;
  /** One line for a person. */
  readonly why: string;
  readonly change: StepChange;
  /** Of `start`: what is executed, every reference filled in. */
  readonly spec?: PlanStep;
  /** The end that it takes note of. */
  readonly settles?: EndedExecution;
}

/** What is to be done now. Several steps never hold two decisions about one; once these are carried out the next call may have more. */
export interface Decisions {
  readonly steps: readonly StepDecision[];
  /** Every step has ended. */
  readonly finish?: RunFinish;
  /** When to ask again, though nothing happens until then. */
  readonly wakeAt?: number;
}
