import type { Clock } from "../../kernel/clock.ts";
import type { CommandResult } from "../command.ts";
import type { Engine } from "../docker/engine.ts";
import type { Adopted, Handle, LaunchSpec, Runtime } from "../runtime.ts";

export interface DockerRuntimeOptions {
  readonly engine: Engine;
  /** $ORCO_HOME: what docker's log of an instance says goes to the spools in `instances/<id>/`. */
  readonly home: string;
  /** Of the label `orco.home`. */
  readonly homeId: string;
  readonly clock: Clock;
  /** `trouble()` says something else than before. */
  readonly onTrouble: () => void;
  readonly onError: (error: unknown) => void;
}

/** Instances as containers. */
export class DockerRuntime implements Runtime {
  readonly name = "docker";

  constructor(private readonly options: DockerRuntimeOptions) {}

  start(_spec: LaunchSpec): Promise<Handle> {
    throw new Error("not yet");
  }

  adopt(_instance: string): Promise<Adopted> {
    throw new Error("not yet");
  }

  command(): Promise<CommandResult> {
    throw new Error("not yet");
  }

  async purge(): Promise<void> {}

  forget(): Promise<void> {
    throw new Error("not yet");
  }

  claim(): Promise<void> {
    throw new Error("not yet");
  }

  provide(): Promise<void> {
    throw new Error("not yet");
  }

  dispose(): Promise<void> {
    throw new Error("not yet");
  }

  limitWarnings(): readonly string[] {
    return [];
  }

  trouble(): string | undefined {
    return undefined;
  }

  close(): void {
    void this.options;
  }
}
