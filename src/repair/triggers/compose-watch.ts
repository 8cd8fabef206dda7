import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { inspectContainer, listContainers } from "../../supervise/docker/containers.ts";
import type { Engine } from "../../supervise/docker/engine.ts";
import { dockerEvents, type DockerEvent } from "../../supervise/docker/events.ts";
import { Redactor } from "../../supervise/logs/redact.ts";
import { type ComposeContainer, logsOf } from "../compose/containers.ts";
import { isBelow, realPath } from "../compose/inside.ts";
import { type Asked, LOOK_MS } from "./asked.ts";
import type { Sighting } from "./crash-loops.ts";
import { type Death, deathOf, type Ended, loopAtSight } from "./death.ts";

const PROJECT = "com.docker.compose.project";
const SERVICE = "com.docker.compose.service";
const FOLDER = "com.docker.compose.project.working_dir";
const ONE_OFF = "com.docker.compose.oneoff";
/** Podman has a name of its own for the end. */
const TOLD = ["die", "died", "kill", "start"];
/** Docker's clock may be behind, and the stream takes a moment to begin. */
const BACK_MS = 2000;
const RETRY_MS = 1000;
/** Containers that somebody is ending. */
const MAX_ENDING = 1000;

interface WatchOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Of known compose projects. */
  readonly workspaces: () => readonly string[];
  readonly asked: Asked;
  readonly saw: (sighting: Sighting) => void;
  readonly onError: (error: unknown) => void;
}

/** A container as far as crash loops go. */
interface Restarted extends ComposeContainer {
  readonly HostConfig: { readonly RestartPolicy?: { readonly Name: string; readonly MaximumRetryCount: number } };
}

type Labels = Readonly<Record<string, string>>;

/**
 * Follows docker's events while a known compose project asks for repairs of crash loops. Whenever the stream begins anew, it looks at what there is, so
 * that a loop which began while docker, or the daemon, was away is seen too.
 */
export class ComposeWatch {
  private readonly closing = new AbortController();
  /** Somebody has sent them a signal: their end is no failure. */
  private readonly ending = new Set<string>();
  private seenNs = 0;

  constructor(private readonly options: WatchOptions) {}

  start(): void {
    void this.run();
  }

  close(): void {
    this.closing.abort();
  }

  private async run(): Promise<void> {
    const { clock, onError } = this.options;
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        if (this.folders().length > 0) await this.watch();
      } catch (error) {
        // Docker that is away is told elsewhere.
        if (!signal.aborted && !(error instanceof OrcoError)) onError(error);
      }
      await clock.sleep(this.folders().length > 0 ? RETRY_MS : LOOK_MS, signal).catch(() => undefined);
    }
  }

  /** Until docker goes, or nobody asks any more. */
  private async watch(): Promise<void> {
    const { engine, clock } = this.options;
    const over = new AbortController();
    const signal = AbortSignal.any([this.closing.signal, over.signal]);
    const since = Math.max(0, this.seenNs === 0 ? clock.now() - BACK_MS : this.seenNs / 1e6) / 1000;
    const look = (): void => {
      if (this.folders().length === 0) over.abort();
      else cancel = clock.after(LOOK_MS, look);
    };
    let cancel = clock.after(LOOK_MS, look);
    try {
      await this.lookAtAll(signal);
      const filters = { type: ["container"], event: TOLD, label: [PROJECT] };
      for await (const event of dockerEvents(engine, { filters, since: since.toFixed(9), signal })) await this.told(event, signal);
    } catch (error) {
      if (!over.signal.aborted) throw error;
    } finally {
      cancel();
    }
  }

  private async told({ Action, Actor, timeNano }: DockerEvent, signal: AbortSignal): Promise<void> {
    const { ID, Attributes } = Actor;
    this.seenNs = Math.max(this.seenNs, timeNano);
    if (!this.isAsked(Attributes)) return;
    if (Action === "kill") this.noteEnding(ID);
    else if (Action === "start") this.ending.delete(ID);
    else if (!this.ending.has(ID)) await this.died(ID, { run: String(timeNano), exit: Attributes["exitCode"] }, signal);
  }

  private async died(id: string, { run, exit }: { run: string; exit: string | undefined }, signal: AbortSignal): Promise<void> {
    const container = await this.container(id, signal);
    if (!container) return;
    const ended = endedOf(container);
    const death = deathOf(exit === undefined ? ended : { ...ended, exitCode: Number(exit) });
    if (death) this.tell(container, death, run);
  }

  private async lookAtAll(signal: AbortSignal): Promise<void> {
    for (const { Id, Labels } of await listContainers(this.options.engine, { [PROJECT]: undefined }, { signal })) {
      const container = this.isAsked(Labels) ? await this.container(Id, signal) : undefined;
      const death = container && loopAtSight(endedOf(container));
      if (container && death) this.tell(container, death, container.State.FinishedAt);
    }
  }

  private tell(container: Restarted, { gaveUp, how }: Death, run: string): void {
    const { engine, saw } = this.options;
    const { [PROJECT]: project = "", [SERVICE]: service = "" } = container.Config.Labels;
    const logs = (): Promise<string[]> => logsOf(engine, container, { redactor: new Redactor([]), signal: this.closing.signal });
    saw({ kind: "compose", project, service, run: `${container.Id} ${run}`, version: container.Image, gaveUp, how, logs });
  }

  /** Undefined where it is gone. */
  private async container(id: string, signal: AbortSignal): Promise<Restarted | undefined> {
    try {
      return (await inspectContainer(this.options.engine, id, { signal })) as Restarted;
    } catch (error) {
      if (error instanceof OrcoError && error.code === "not_found") return undefined;
      throw error;
    }
  }

  private isAsked(labels: Labels): boolean {
    const { [PROJECT]: project, [SERVICE]: service, [FOLDER]: folder = "/", [ONE_OFF]: oneOff = "" } = labels;
    if (project === undefined || service === undefined || oneOff.toLowerCase() === "true") return false;
    const real = realPath(folder);
    return this.folders().some((one) => isBelow(real, one));
  }

  /** Those that ask, without symbolic links. */
  private folders(): string[] {
    const { workspaces, asked } = this.options;
    return workspaces()
      .map((one) => realPath(one))
      .filter((one) => asked.asks(one));
  }

  private noteEnding(id: string): void {
    if (this.ending.size >= MAX_ENDING) this.ending.clear();
    this.ending.add(id);
  }
}

function endedOf({ State, RestartCount, HostConfig: { RestartPolicy } }: Restarted): Ended {
  return {
    status: State.Status,
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    policy: RestartPolicy?.Name ?? "no",
    maxRetries: RestartPolicy?.MaximumRetryCount ?? 0,
    restartCount: RestartCount,
  };
}
