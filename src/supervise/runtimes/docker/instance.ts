import type { Clock } from "../../../kernel/clock.ts";
import { OrcoError } from "../../../kernel/errors.ts";
import { type ContainerInfo, type ContainerState, inspectContainer, killContainer } from "../../docker/containers.ts";
import { endState } from "../../docker/end-state.ts";
import { type Engine, isAway } from "../../docker/engine.ts";
import { exitOf } from "../../docker/exit.ts";
import type { Endpoint, Exit, Handle, Spools, StopSpec, Usage } from "../../runtime.ts";
import type { ContainerFolder, ContainerMeta } from "./folder.ts";
import { endpointOf } from "./endpoint.ts";
import type { Link, Watched } from "./link.ts";
import { LogPump } from "./log-pump.ts";
import { containerUsage } from "./usage.ts";

export interface InstancePorts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly link: Link;
  /** Of this kernel. */
  readonly bootId: string;
  readonly onError: (error: unknown) => void;
  /** The daemon leaves: nothing ends any more. */
  readonly closing: AbortSignal;
  /** The container of an instance, by its labels. */
  readonly find: (instance: string) => Promise<string | undefined>;
  /** Runs a stop command inside. */
  readonly run: (
    id: string,
    command: { readonly argv: readonly string[]; readonly timeoutMs: number; readonly signal: AbortSignal },
  ) => Promise<boolean>;
  /** It has ended: nobody needs to know of it any more. */
  readonly onEnd: (instance: ContainerInstance) => void;
}

export interface InstanceParts {
  readonly folder: ContainerFolder;
  readonly instance: string;
  /** Undefined where docker was away before it was written. */
  readonly meta?: ContainerMeta;
}

const CALL_MS = 10_000;
const RETRY_MS = 500;
const SIGKILLED = { code: 137, signal: "SIGKILL" } as const;

/** A running container of ours. Its end is learned from docker, and told when its log is in the spools. */
export class ContainerInstance implements Handle, Watched {
  readonly instance: string;
  readonly spools: Spools;
  private meta: ContainerMeta | undefined;
  private pump: LogPump | undefined;
  private readonly ended = Promise.withResolvers<Exit>();
  private readonly killing = new AbortController();
  private readonly over = new AbortController();
  private stopping: Promise<Exit> | undefined;
  private looking: "no" | "yes" | "again" | "done" = "no";
  private outOfMemory = false;
  private paused = false;

  constructor(
    private readonly parts: InstanceParts,
    private readonly ports: InstancePorts,
  ) {
    this.instance = parts.instance;
    this.spools = parts.folder.spools;
    this.meta = parts.meta;
    this.killing.signal.addEventListener("abort", () => void this.signal("SIGKILL"), { once: true });
    this.follow();
    ports.link.add(this);
  }

  get id(): string | undefined {
    return this.meta?.id;
  }

  get container(): string | undefined {
    return this.meta?.id;
  }

  get pid(): number | undefined {
    return this.meta?.pid;
  }

  get endpoint(): Endpoint | undefined {
    return this.meta?.endpoint;
  }

  get startedAt(): number {
    return this.meta?.startedAt ?? this.ports.clock.now();
  }

  get held(): string | undefined {
    return this.paused ? `paused by somebody else: docker unpause ${this.meta?.name ?? this.id} lets it go on` : undefined;
  }

  get exited(): Promise<Exit> {
    return this.ended.promise;
  }

  get hasEnded(): boolean {
    return this.over.signal.aborted;
  }

  usage(): Usage | undefined {
    const { pid, id } = this;
    return pid === undefined || id === undefined || this.hasEnded ? undefined : containerUsage(pid, id);
  }

  noteOutOfMemory(): void {
    this.outOfMemory = true;
  }

  /** Asks docker how it is; questions that come meanwhile are one more. */
  look(): void {
    if (this.looking === "yes" || this.looking === "again") this.looking = "again";
    if (this.looking !== "no") return;
    this.looking = "yes";
    void this.examine();
  }

  stop(spec: StopSpec, force?: AbortSignal): Promise<Exit> {
    const onForce = (): void => this.killing.abort();
    if (force?.aborted) onForce();
    else force?.addEventListener("abort", onForce, { once: true });
    this.stopping ??= this.bringDown(spec);
    return this.stopping.finally(() => force?.removeEventListener("abort", onForce));
  }

  private async bringDown(spec: StopSpec): Promise<Exit> {
    const cancel = this.ports.clock.after(spec.timeoutMs, () => this.killing.abort());
    void this.ask(spec);
    const exit = await this.exited;
    cancel();
    return exit;
  }

  private async ask({ signal, command, timeoutMs }: StopSpec): Promise<void> {
    const patience = AbortSignal.any([this.killing.signal, this.over.signal]);
    if (command && this.id !== undefined && (await this.ports.run(this.id, { argv: command, timeoutMs, signal: patience }))) return;
    if (!patience.aborted) await this.signal(signal);
  }

  /** Never rejects. While docker is away it is tried until docker is there, or the kill has to be. */
  private async signal(sig: string): Promise<void> {
    const { engine, clock, link } = this.ports;
    const until = sig === "SIGKILL" ? this.over.signal : AbortSignal.any([this.killing.signal, this.over.signal]);
    while (!until.aborted && !this.ports.closing.aborted) {
      try {
        await link.presence.present(until);
        if (this.id !== undefined) await killContainer(engine, this.id, { sig, timeoutMs: CALL_MS });
        if (this.id !== undefined) return this.look();
      } catch (error) {
        if (until.aborted) return;
        // It does not run any more.
        if (error instanceof OrcoError && (error.code === "conflict" || error.code === "not_found")) return this.look();
        if (isAway(error)) link.presence.missed(error);
        else this.ports.onError(error);
      }
      await clock.sleep(RETRY_MS, until).catch(() => undefined);
    }
  }

  private async examine(): Promise<void> {
    const { engine, clock, link } = this.ports;
    try {
      const id = this.id ?? (await this.ports.find(this.instance));
      if (id === undefined) return await this.finish(this.vanished());
      const info = await inspectContainer(engine, id, { timeoutMs: CALL_MS });
      if (info.State.Running) this.known(info);
      else {
        // Whom we have killed ourselves did not die of its memory.
        const state =
          this.killing.signal.aborted || this.outOfMemory ? info.State : await endState(engine, info, { clock, timeoutMs: CALL_MS });
        return await this.finish(this.exitOf(state));
      }
    } catch (error) {
      if (error instanceof OrcoError && error.code === "not_found") return this.finish(this.vanished());
      if (isAway(error)) link.presence.missed(error);
      else this.ports.onError(error);
    }
    const again = this.looking === "again";
    this.looking = "no";
    if (again) this.look();
  }

  /** It runs. */
  private known(info: ContainerInfo): void {
    const before = this.meta;
    this.paused = info.State.Status === "paused";
    this.meta = metaOf(info, { instance: this.instance, bootId: this.ports.bootId });
    if (before?.id !== this.meta.id || before.pid !== this.meta.pid) this.parts.folder.write(this.meta);
    this.follow();
  }

  private follow(): void {
    if (this.pump || !this.meta) return;
    const { engine, clock, link, onError, closing } = this.ports;
    const { id } = this.meta;
    const options = { engine, clock, presence: link.presence, id, spools: this.spools, onError, closing };
    this.pump = new LogPump({ ...options, onClosed: () => this.look() });
    this.pump.start();
  }

  private exitOf(state: ContainerState): Exit {
    // Whoever removes it by force has killed it first.
    if (state.Status === "removing" || state.Status === "dead") return this.vanished();
    const exit = exitOf(state) ?? { reason: "lost" as const, at: this.ports.clock.now() };
    if (!state.OOMKilled && !this.outOfMemory) return exit;
    // Docker says so of any process inside; a service that outlived that one has an end of its own.
    if (exit.code === SIGKILLED.code) return { ...exit, ...SIGKILLED, reason: "oom_killed" };
    return { ...exit, reason: exit.signal === undefined ? "exited" : "signaled" };
  }

  private vanished(): Exit {
    return { reason: this.id === undefined ? "lost" : "removed", at: this.ports.clock.now() };
  }

  /** The log may take its time: docker can be away again. */
  private async finish(exit: Exit): Promise<void> {
    if (this.looking === "done") return;
    this.looking = "done";
    this.over.abort();
    const { link, closing, onEnd, onError } = this.ports;
    this.follow();
    await this.pump?.finish();
    if (closing.aborted) return;
    link.remove(this);
    try {
      if (this.meta) this.parts.folder.write({ ...this.meta, exit });
    } catch (error) {
      onError(error); // then the next daemon asks docker
    }
    onEnd(this);
    this.ended.resolve(exit);
  }
}

export function metaOf(info: ContainerInfo, of: { readonly instance: string; readonly bootId: string }): ContainerMeta {
  const { Id, Name, State } = info;
  const endpoint = endpointOf(info);
  return {
    ...of,
    id: Id,
    name: Name.replace(/^\//, ""),
    startedAt: Date.parse(State.StartedAt),
    ...(State.Pid > 0 && { pid: State.Pid }),
    ...(endpoint && { endpoint }),
  };
}
