import type { Clock } from "../kernel/clock.ts";
import type { LoadedConfig } from "../kernel/config.ts";
import { KubeRunner } from "../runs/k8s/runner.ts";
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
  readonly k8s: KubeRunner;
  private readonly local: LocalRunner;
  private readonly containers: ContainerSteps;

  constructor({ config, env, clock, log }: RunStepsOptions) {
    const { home, dockerHost, kubeNamespace: namespace, kubeImage: image } = config;
    const start = httpSteps();
    const http: StepRunner = { start, adopt: async () => undefined, forget: async () => undefined };
    this.containers = new ContainerSteps({ engine: new Engine(dockerHost), clock, home });
    this.local = new LocalRunner({ home, clock, env, containers: this.containers, startHttp: start });
    this.k8s = new KubeRunner({ env, namespace, image, home, clock, http, trouble: log });
  }

  of(mode: RunMode): StepRunner {
    return mode === "k8s" ? this.k8s : this.local;
  }

  /** Containers of runs that ended while nobody could remove them. */
  sweep(isOpen: (run: string) => boolean): Promise<void> {
    return this.containers.sweep(isOpen);
  }

  /** What runs goes on; the next daemon finds it. */
  close(): void {
    this.local.close();
    this.containers.close();
    this.k8s.close();
  }
}
