import type { StepExecution, StepHandle, StepOutput, StepRunner } from "../ports.ts";
import { ProcessSteps, type ProcessStepsOptions } from "./process-step.ts";

export interface LocalRunnerOptions extends ProcessStepsOptions {
  /** Steps with an `image`. */
  readonly containers: StepRunner;
  /** Steps with `http`; a request is not found again, it is made anew. */
  readonly startHttp: StepRunner["start"];
}

/** Steps of this machine: processes, containers, requests. */
export class LocalRunner implements StepRunner {
  private readonly processes: ProcessSteps;

  constructor(private readonly options: LocalRunnerOptions) {
    this.processes = new ProcessSteps(options);
  }

  start(execution: StepExecution, output: StepOutput): Promise<StepHandle> {
    const { spec } = execution;
    if (spec.http) return this.options.startHttp(execution, output);
    return (spec.image === undefined ? this.processes : this.options.containers).start(execution, output);
  }

  async adopt(execution: StepExecution, output: StepOutput): Promise<StepHandle | undefined> {
    const { spec } = execution;
    if (spec.http) return undefined;
    return (spec.image === undefined ? this.processes : this.options.containers).adopt(execution, output);
  }

  async forget(run: string): Promise<void> {
    await this.options.containers.forget(run);
    await this.processes.forget(run);
  }

  /** Stops reading; what runs goes on for the next daemon. */
  close(): void {
    this.processes.close();
  }
}
