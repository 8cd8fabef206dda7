import { chmodSync, readFileSync, rmSync } from "node:fs";
import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { type ContainerRow, createContainer, listContainers, removeContainer, startContainer } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import type { StepExecution, StepHandle, StepOutput, StepRunner } from "../ports.ts";
import { homeId } from "../home-id.ts";
import { bootTime } from "../../supervise/docker/exit.ts";
import { pullFor } from "./container-pull.ts";
import { containerName, containerSpec, LABEL } from "./container-spec.ts";
import { ContainerRun, type ContainerRunPorts } from "./container-run.ts";
import { StepFiles } from "./step-files.ts";

export interface ContainerStepsOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** $ORCO_HOME: files of steps live in `runs/`. Containers carry its id as a label, so that daemons that share a docker leave each other's alone. */
  readonly home: string;
}

/** Steps as containers of the docker of this machine: they outlive the daemon, and the next one finds them by their labels. */
export class ContainerSteps implements StepRunner {
  private readonly closing = new AbortController();
  private readonly ports: ContainerRunPorts;
  private label: string | undefined;

  constructor(private readonly options: ContainerStepsOptions) {
    const { engine, clock } = options;
    const bootedAt = engine.host.startsWith("unix:") ? bootTime(readFileSync("/proc/stat", "utf8")) : undefined;
    this.ports = { engine, clock, closing: this.closing.signal, ...(bootedAt !== undefined && { bootedAt }) };
  }

  /** At once; what goes wrong is how it ends. */
  async start(execution: StepExecution, output: StepOutput): Promise<StepHandle> {
    const files = new StepFiles(this.options.home, execution);
    const prepare = async (signal: AbortSignal): Promise<string> => {
      files.write(execution);
      // Whoever a container runs as reads them; the folders above are closed to everybody else of this machine.
      for (const file of [files.input, ...(execution.resume === undefined ? [] : [files.resume])]) chmodSync(file, 0o644);
      return this.create(execution, { files, output, signal });
    };
    const discard = (): Promise<void> => this.discard(containerName(execution), files);
    return new ContainerRun({ execution: { ...execution, consumed: 0 }, output, cursor: files.cursor, prepare, discard }, this.ports);
  }

  /** While docker is away nobody knows: then it waits for docker, so that nothing runs twice. */
  async adopt(execution: StepExecution, output: StepOutput): Promise<StepHandle | undefined> {
    const files = new StepFiles(this.options.home, execution);
    const name = containerName(execution);
    const rows = await this.find({ [LABEL.execution]: execution.execution }).catch(() => undefined);
    const [row] = rows ?? [];
    if (rows && (!row || row.State === "created")) {
      await this.discard(name, files);
      return undefined;
    }
    const parts = { prepare: () => Promise.resolve(row?.Id ?? name), discard: () => this.discard(name, files) };
    return new ContainerRun({ execution, output, cursor: files.cursor, ...parts }, this.ports);
  }

  /** What docker does not let go of now, `sweep` gets. */
  async forget(run: string): Promise<void> {
    await this.removeAll({ [LABEL.run]: run }, () => true).catch(() => undefined);
  }

  /** Removes containers of runs that are not open any more: their daemon died, or docker was away, before they were forgotten. */
  async sweep(isOpen: (run: string) => boolean): Promise<void> {
    await this.removeAll({ [LABEL.run]: undefined }, (run) => !isOpen(run));
  }

  /** Stops reading; what runs goes on, and what `ended` promised stays open. */
  close(): void {
    this.closing.abort(new OrcoError("cancelled", "the daemon stops"));
  }

  private async create(
    execution: StepExecution,
    { files, output, signal }: { files: StepFiles; output: StepOutput; signal: AbortSignal },
  ): Promise<string> {
    const { engine, clock } = this.options;
    const [name, spec] = [containerName(execution), containerSpec(execution, files, this.homeLabel())];
    const create = (): Promise<string> => createContainer(engine, name, { spec });
    const id = await create().catch(async (error: unknown) => {
      if (!(error instanceof OrcoError) || error.code !== "not_found") throw error;
      await pullFor(spec.Image, output, { engine, clock, signal });
      return create();
    });
    signal.throwIfAborted();
    await startContainer(engine, id);
    return id;
  }

  private homeLabel(): string {
    return (this.label ??= homeId(this.options.home));
  }

  private async find(labels: Readonly<Record<string, string | undefined>>): Promise<readonly ContainerRow[]> {
    return listContainers(this.options.engine, { ...labels, [LABEL.home]: this.homeLabel() });
  }

  private async removeAll(labels: Readonly<Record<string, string | undefined>>, wanted: (run: string) => boolean): Promise<void> {
    for (const { Id, Labels } of await this.find(labels))
      if (wanted(Labels[LABEL.run] ?? "")) await removeContainer(this.options.engine, Id);
  }

  private async discard(name: string, files: StepFiles): Promise<void> {
    await removeContainer(this.options.engine, name).catch(() => undefined); // docker is away: `forget` or `sweep` gets it
    rmSync(files.dir, { recursive: true, force: true });
  }
}
