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
  /** Runs under way that have containers: the others need not ask docker when they end. */
  private readonly contained = new Set<string>();

  constructor(private readonly options: LocalRunnerOptions) {
    this.processes = new ProcessSteps(options);
  }

  start(execution: StepExecution, output: StepOutput): Promise<StepHandle> {
    if (execution.spec.http) return this.options.startHttp(execution, output);
    return this.runnerOf(execution).start(execution, output);
  }

  async adopt(execution: StepExecution, output: StepOutput): Promise<StepHandle | undefined> {
    if (execution.spec.http) return undefined;
    return this.runnerOf(execution).adopt(execution, output);
  }

  async forget(run: string): Promise<void> {
    if (this.contained.delete(run)) await this.options.containers.forget(run);
    await this.processes.forget(run);
  }

  /** Of runs that are not open any more. */
  sweep(isOpen: (run: string) => boolean): Promise<void> {
    return this.processes.sweep(isOpen);
  }

  private runnerOf({ run, spec }: StepExecution): Pick<StepRunner, "start" | "adopt"> {
    if (spec.image === undefined) return this.processes;
    this.contained.add(run);
    return this.options.containers;
  }

  /** Stops reading; what runs goes on for the next daemon. */
  close(): void {
    this.processes.close();
  }
}
