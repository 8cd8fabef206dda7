import type { ListenerProblem, WorkerPhase } from "./channel.ts";

export interface WorkerStatus {
  readonly number: number;
  readonly pid: number;
  readonly phase: WorkerPhase;
  /** Of the table it serves. */
  readonly version: number;
  readonly build: string;
  readonly rssBytes: number;
}

/** What `orco` and the ready check show of the edge. */
export interface EdgeStatus {
  readonly version: number;
  readonly fronts: number;
  /** How many there should be. */
  readonly wanted: number;
  readonly workers: readonly WorkerStatus[];
  readonly problems: readonly ListenerProblem[];
  /** Why the last worker did not start. */
  readonly startFailure?: string;
}
