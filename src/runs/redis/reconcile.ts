import { dispatchId } from "./names.ts";

/** How BullMQ has a job; `unknown`: it has none of this id. */
export type JobState = "waiting" | "prioritized" | "delayed" | "active" | "completed" | "failed" | "waiting-children" | "unknown";

/** A run that was dispatched and that nobody has claimed yet. */
export interface Dispatched {
  readonly id: string;
  /** From 1. */
  readonly dispatch: number;
}

export interface Actions<Run extends Dispatched> {
  /** The queue has lost it (flushed), or was never told: it is added with the id it had. */
  readonly add: readonly Run[];
  /** BullMQ is through with this id, and would ignore it: the run needs a new number. */
  readonly redispatch: readonly Run[];
}

/**
 * What is to be done so that every run that waits has a job that waits. A job that a worker holds (`active`) is left alone: either the worker
 * claims the run now, or BullMQ finds out that it died, and the job has failed.
 */
export function reconcile<Run extends Dispatched>(pending: readonly Run[], states: ReadonlyMap<string, JobState>): Actions<Run> {
  const inState = (...wanted: readonly JobState[]): Run[] =>
    pending.filter((run) => run.dispatch > 0 && wanted.includes(states.get(dispatchId(run)) ?? "unknown"));
  return { add: inState("unknown"), redispatch: inState("completed", "failed") };
}
