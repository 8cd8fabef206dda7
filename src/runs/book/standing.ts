import type { StepState } from "../record.ts";

/** How the steps of a run stand, kept up with every change of one. */
export class Standing {
  private executing = 0;
  private asking = 0;

  constructor(steps: Iterable<StepState>) {
    for (const step of steps) this.put(undefined, step);
  }

  put(before: StepState | undefined, after: StepState): void {
    if (before) this.count(before, -1);
    this.count(after, 1);
  }

  /** Nothing is to be done before somebody has approved or sent a signal. Who waits to try again does so by himself. */
  get onlyWaits(): boolean {
    return this.asking > 0 && this.executing === 0;
  }

  private count({ status, waiting }: StepState, by: number): void {
    if (status === "running" || status === "cancelling" || waiting?.kind === "retry") this.executing += by;
    else if (status === "waiting" && waiting?.kind !== "for_each") this.asking += by;
  }
}
