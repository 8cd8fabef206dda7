import type { Clock } from "../kernel/clock.ts";
import type { LoadedConfig } from "../kernel/config.ts";
import { messageOf } from "../kernel/errors.ts";
import { KubeOnDemand } from "../runs/k8s/on-demand.ts";
import { ContainerSteps } from "../runs/local/container-step.ts";
import { httpSteps } from "../runs/local/http-step.ts";
import { LocalRunner } from "../runs/local/runner.ts";
import type { StepRunner } from "../runs/ports.ts";
import type { RunMode } from "../runs/record.ts";
import { Engine } from "../supervise/docker/engine.ts";

interface RunStepsOptions {
  readonly config: LoadedConfig["config"];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: (message: string) => void;
}

/** What executes steps, by the mode of their run. Nothing outside this machine is contacted before the first step that needs it. */
export class RunSteps {
  readonly k8s: KubeOnDemand;
  private readonly local: LocalRunner;
  private readonly containers: ContainerSteps;

  constructor(private readonly options: RunStepsOptions) {
    const { config, env, clock, log } = options;
    const { home, dockerHost, kubeNamespace: namespace, kubeImage: image } = config;
    const start = httpSteps();
    const http: StepRunner = { start, adopt: async () => undefined, forget: async () => undefined };
    this.containers = new ContainerSteps({ engine: new Engine(dockerHost), clock, home });
    this.local = new LocalRunner({ home, clock, env, containers: this.containers, startHttp: start });
    this.k8s = new KubeOnDemand({ env, namespace, image, home, clock, http, trouble: log });
  }

  of(mode: RunMode): StepRunner {
    return mode === "k8s" ? this.k8s : this.local;
  }

  /** What is left of runs that ended while nobody could remove it. Never rejects. */
  async sweep(isOpen: (run: string) => boolean): Promise<void> {
    const trouble = (error: unknown): void => this.options.log(`what ended runs have left cannot be removed: ${messageOf(error)}`);
    // Where there is no docker there is nothing to remove.
    await Promise.all([this.local.sweep(isOpen).catch(trouble), this.containers.sweep(isOpen).catch(() => undefined)]);
  }

  /** What runs goes on; the next daemon finds it. */
  close(): void {
    this.local.close();
    this.containers.close();
    this.k8s.close();
  }
}
