import type { StepExecution, StepHandle, StepOutput, StepRunner } from "../runs/ports.ts";

/** The steps of one attempt. When the attempt is over they are killed at once, whatever their grace: somebody else may be executing them already. */
export class FencedRunner implements StepRunner {
  private readonly live = new Set<StepHandle>();

  constructor(
    private readonly runner: StepRunner,
    private readonly over: AbortSignal,
  ) {
    over.addEventListener("abort", () => this.kill(), { once: true });
  }

  async start(execution: StepExecution, output: StepOutput): Promise<StepHandle> {
    return this.keep(await this.runner.start(execution, output));
  }

  /** What ran was started by another attempt, and belongs to it. */
  adopt(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  forget(run: string): Promise<void> {
    return this.runner.forget(run);
  }

  /** Resolves when nothing of it runs any more. */
  async quiet(): Promise<void> {
    while (this.live.size > 0) await Promise.all([...this.live].map(({ ended }) => ended));
  }

  private keep(handle: StepHandle): StepHandle {
    this.live.add(handle);
    void handle.ended.then(() => this.live.delete(handle));
    if (this.over.aborted) handle.stop("cancel", 0);
    return handle;
  }

  private kill(): void {
    for (const handle of this.live) handle.stop("cancel", 0);
  }
}
