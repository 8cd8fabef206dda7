import type { StepExecution, StepHandle, StepOutput, StepRunner } from "../ports.ts";
import type { KubeRunner, KubeRunnerOptions } from "./runner.ts";

/** `KubeRunner`, loaded with the first that is asked of it: most daemons have no cluster. */
export class KubeOnDemand implements StepRunner {
  private runner: KubeRunner | undefined;

  constructor(private readonly options: KubeRunnerOptions) {}

  /** As `KubeRunner` does. */
  async assertAvailable(): Promise<void> {
    await (await this.loaded()).assertAvailable();
  }

  /** As `KubeRunner` does. */
  check(): ReturnType<KubeRunner["check"]> {
    return this.runner?.check() ?? { name: "kubernetes", ok: true, detail: "not used" };
  }

  async start(execution: StepExecution, output: StepOutput): Promise<StepHandle> {
    return (await this.loaded()).start(execution, output);
  }

  async adopt(execution: StepExecution, output: StepOutput): Promise<StepHandle | undefined> {
    return (await this.loaded()).adopt(execution, output);
  }

  async forget(run: string): Promise<void> {
    await (await this.loaded()).forget(run);
  }

  close(): void {
    this.runner?.close();
  }

  private async loaded(): Promise<KubeRunner> {
    const { KubeRunner } = await import("./runner.ts");
    return (this.runner ??= new KubeRunner(this.options));
  }
}
