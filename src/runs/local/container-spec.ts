import type { ContainerSpec } from "../../supervise/docker/containers.ts";
import type { StepExecution } from "../ports.ts";
import { stepEnv } from "./step-env.ts";
import type { StepFiles } from "./step-files.ts";

/** Labels of a container; `home` tells apart daemons that share one docker. */
export const LABEL = { home: "orco.home", run: "orco.run", step: "orco.step", execution: "orco.execution" } as const;

/** Where a container finds what processes find in files of this machine. */
const INSIDE = { input: "/run/orco/input.json", resume: "/run/orco/resume.json" };
/** Of docker's log of one container: a step that writes without end must not fill the disk. */
const LOG_CONFIG = { Type: "json-file", Config: { "max-size": "1g", "max-file": "1" } };
const NANO = 1e9;

export function containerName({ execution }: StepExecution): string {
  return `orco-${execution}`;
}

/** The command stands in place of the image's entrypoint, as in a pod. Nothing is published, nothing privileged. */
export function containerSpec(execution: StepExecution, files: StepFiles, home: string): ContainerSpec {
  const { spec, run, step, resume } = execution;
  const { cpu, memory_bytes: memory } = spec.resources ?? {};
  const env = stepEnv(execution, INSIDE, {});
  const mount = (Source: string, Target: string) => ({ Type: "bind" as const, Source, Target, ReadOnly: true });
  return {
    Image: spec.image ?? "",
    Entrypoint: spec.command ?? [],
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(spec.workdir !== undefined && { WorkingDir: spec.workdir }),
    Labels: { [LABEL.home]: home, [LABEL.run]: run, [LABEL.step]: step, [LABEL.execution]: execution.execution },
    HostConfig: {
      // Without it a command that has no handler for SIGTERM ignores it, as process 1 of its namespace.
      Init: true,
      SecurityOpt: ["no-new-privileges"],
      ...(cpu !== undefined && { NanoCpus: Math.round(cpu * NANO) }),
      ...(memory !== undefined && { Memory: memory, MemorySwap: memory }),
      Mounts: [mount(files.input, INSIDE.input), ...(resume === undefined ? [] : [mount(files.resume, INSIDE.resume)])],
      LogConfig: LOG_CONFIG,
      ExtraHosts: ["host.docker.internal:host-gateway"],
    },
  };
}
