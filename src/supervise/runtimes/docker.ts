import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { CommandResult } from "../command.ts";
import type { Engine } from "../docker/engine.ts";
import { execInContainer } from "../docker/exec.ts";
import { Images } from "../docker/provide.ts";
import { OURS } from "../docker/ownership.ts";
import { claimResources, disposeResources } from "../docker/resources.ts";
import { execInside } from "../exec/container.ts";
import { runHook } from "../hook.ts";
import { bootId } from "../proc.ts";
import type { Adopted, CommandRun, ContainerLaunch, Exec, ExecRun, LaunchSpec, Runtime, StartOptions } from "../runtime.ts";
import { SecretFiles } from "../docker/secret-files.ts";
import { adoptContainer } from "./docker/adopt.ts";
import type { CreatePorts } from "./docker/create.ts";
import { ContainerFolder, containerFolders, type ContainerMeta } from "./docker/folder.ts";
import { ContainerInstance, type InstancePorts } from "./docker/instance.ts";
import { Link } from "./docker/link.ts";
import { commandSecrets, runOneOff } from "./docker/one-off.ts";
import { Removal } from "./docker/removal.ts";
import { startInstance } from "./docker/start.ts";
import { diskError } from "./docker/start-error.ts";
import { removeStrays, type Stray } from "./docker/strays.ts";

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

interface StackClaim {
  readonly stack: string;
  readonly network: string;
  readonly volumes: readonly string[];
}

/** A running container; `pid` where docker runs on this machine. */
interface Target {
  readonly id: string;
  readonly pid?: number | undefined;
}

/** A docker that hangs holds up the processes of a stack for no longer. */
const GREETING_MS = 1500;
/** In a container the service is process 1, or stands below an init that passes signals on. */
const INSIDE = { ORCO_PID: "1" };

/** Instances as containers. Docker is not asked anything before the first of them. */
export class DockerRuntime implements Runtime {
  readonly name = "docker";
  private readonly instances = new Map<string, ContainerInstance>();
  /** Instances and commands begun here and not forgotten: whoever lists strays may not know of them yet. */
  private readonly own = new Set<string>();
  private readonly closing = new AbortController();
  private readonly nonce = crypto.randomUUID();
  private readonly bootId = bootId();
  private readonly link: Link;
  private readonly images: Images;
  private readonly removal: Removal;
  private readonly secrets: SecretFiles;

  constructor(private readonly options: DockerRuntimeOptions) {
    const { engine, clock } = options;
    this.link = new Link(options);
    this.images = new Images({ engine, clock });
    this.secrets = new SecretFiles({ homeId: options.homeId, instanceDir: (instance) => this.folder(instance).dir });
    this.removal = new Removal({ ...options, link: this.link, closing: this.closing.signal });
  }

  async start(spec: LaunchSpec, options: StartOptions = {}): Promise<ContainerInstance> {
    const folder = this.folder(spec.instance);
    this.own.add(spec.instance);
    const ports = { ...this.createPorts(), bootId: this.bootId, discard: (instance: string) => this.discard(instance) };
    const meta = await this.link.with(() => startInstance(spec, { folder, options }, ports));
    const instance = this.watch(folder, spec.instance, meta);
    // It has ended already: nobody will tell.
    if (meta.pid === undefined) instance.look();
    return instance;
  }

  adopt(instance: string): Promise<Adopted> {
    const { engine, clock, onError } = this.options;
    const known = this.instances.get(instance);
    if (known) return Promise.resolve({ kind: "running", handle: known });
    return adoptContainer(instance, this.folder(instance), {
      engine,
      link: this.link,
      removal: this.removal,
      bootId: this.bootId,
      watch: (folder, id, meta) => this.watch(folder, id, meta),
      sleep: (ms) => clock.sleep(ms),
      onError,
    });
  }

  command(spec: LaunchSpec, run: CommandRun): Promise<CommandResult> {
    const live = this.instances.get(spec.instance);
    if (live) return this.inside(() => this.runningOf(live, spec), run);
    return this.beside(spec, run);
  }

  async exec({ instance, service }: LaunchSpec, run: ExecRun): Promise<Exec> {
    const { id, hasEnded } = this.instances.get(instance) ?? {};
    if (id === undefined || hasEnded) throw notRunning(service, instance);
    return this.link.with(() => execInside(this.options.engine, id, run));
  }

  /** Commands end with their container, or are ended by whoever ran them. */
  async purge(): Promise<void> {}

  async forget(instance: string): Promise<void> {
    await this.discard(instance);
    this.own.delete(instance);
  }

  /** While docker is away nothing is made, and nothing refused. */
  async claim({ stack, network, volumes }: StackClaim): Promise<void> {
    const { engine, homeId } = this.options;
    try {
      await this.link.with(async () => {
        await engine.ping({ timeoutMs: GREETING_MS });
        await claimResources(engine, { homeId, stack, network, volumes });
      });
    } catch (error) {
      if (!(error instanceof OrcoError) || error.code !== "engine_away") throw diskError(error);
    }
  }

  async provide(image: Pick<ContainerLaunch, "image" | "pull" | "build">, options: StartOptions): Promise<void> {
    await this.link.with(() => this.images.provide(image, options));
  }

  /** Of a docker that is away the network goes later. Volumes are data: that they are still there is told, by `engine_away`. */
  async dispose(stack: string, { volumes, signal }: { readonly volumes: boolean; readonly signal: AbortSignal }): Promise<void> {
    const { engine, clock, homeId } = this.options;
    const dispose = (): Promise<void> => disposeResources(engine, { homeId, stack, volumes, signal, clock });
    await (volumes ? this.link.with(dispose) : this.removal.soon(dispose));
  }

  /** Whether former daemons have left anything that `strays` looks for on this machine. */
  async hasLeftovers(): Promise<boolean> {
    return containerFolders(this.options.home).length + (await this.secrets.keys()).length > 0;
  }

  /**
   * Containers of this home that no slot knows, once docker answers: what ended is removed, with its folder and its secrets; what runs is returned.
   * Nothing is when the daemon leaves before.
   */
  async strays(known: ReadonlySet<string>): Promise<readonly Stray[]> {
    const { engine, home } = this.options;
    const isKnown = (instance: string): boolean => known.has(instance) || this.own.has(instance);
    const sweep = async (): Promise<readonly Stray[]> => {
      const running = await removeStrays(isKnown, { engine, removal: this.removal, nonce: this.nonce });
      const isLeft = (key: string): boolean => !isKnown(key) && !running.some(({ instance }) => instance === key);
      for (const instance of containerFolders(home).filter(isLeft)) await this.discard(instance);
      for (const key of (await this.secrets.keys()).filter(isLeft)) await this.secrets.remove(key);
      return running;
    };
    return this.link.insist(sweep, this.closing.signal).catch((error: unknown) => {
      if (!this.closing.signal.aborted) throw error;
      return [];
    });
  }

  /** Docker enforces all of them. */
  limitWarnings(): readonly string[] {
    return [];
  }

  trouble(): string | undefined {
    return this.link.trouble();
  }

  /** Stops watching; what runs goes on. */
  close(): void {
    this.closing.abort(new OrcoError("cancelled", "the daemon stops"));
    this.link.close();
  }

  private createPorts(): CreatePorts {
    const { engine, clock } = this.options;
    return { engine, clock, images: this.images, secrets: this.secrets };
  }

  /** Takes away what there is of it, in docker now or when it is back, and on disk. */
  private async discard(instance: string): Promise<void> {
    const folder = this.folder(instance);
    // Not by its labels: what somebody made from a copy of it (docker commit) has them too.
    const { id } = folder.read() ?? {};
    await (id === undefined ? this.removal.instance(instance) : this.removal.container(id));
    await this.secrets.remove(instance);
    await this.secrets.remove(commandSecrets(instance));
    folder.remove();
  }

  private async beside(spec: LaunchSpec, run: CommandRun): Promise<CommandResult> {
    const ports = { ...this.createPorts(), nonce: this.nonce, remove: (id: string) => this.removal.container(id) };
    const key = commandSecrets(spec.instance);
    this.own.add(key);
    try {
      return await this.link.with(() => runOneOff(spec, run, ports));
    } finally {
      this.own.delete(key);
    }
  }

  private folder(instance: string): ContainerFolder {
    return new ContainerFolder(join(this.options.home, "instances", instance));
  }

  private watch(folder: ContainerFolder, instance: string, meta?: ContainerMeta): ContainerInstance {
    const watched = new ContainerInstance({ folder, instance, ...(meta && { meta }) }, this.instancePorts());
    this.instances.set(instance, watched);
    return watched;
  }

  private async find(instance: string): Promise<string | undefined> {
    return (await this.removal.rows({ [OURS.instance]: instance }))[0]?.Id;
  }

  private instancePorts(): InstancePorts {
    const { engine, clock, onError } = this.options;
    return {
      engine,
      clock,
      link: this.link,
      bootId: this.bootId,
      onError,
      closing: this.closing.signal,
      find: (instance) => this.find(instance),
      run: (id, run) => this.carriedOut(id, run),
      onEnd: ({ instance }) => this.instances.delete(instance),
    };
  }

  /** Asked for when docker is there: of one that was adopted while it was away the id is not known before. What has ended has no commands any more. */
  private async runningOf(live: ContainerInstance, { instance, service }: LaunchSpec): Promise<Target> {
    const id = live.id ?? (await this.find(instance));
    if (id === undefined || live.hasEnded) throw notRunning(service, instance);
    return { id, pid: "unix" in this.options.engine.address ? live.pid : undefined };
  }

  /** While docker is away it waits: that it is away says nothing of the instance, and must not count against it. */
  private async inside(target: () => Promise<Target>, { argv, env, timeoutMs, signal }: CommandRun): Promise<CommandResult> {
    const { engine, clock } = this.options;
    const run = { argv, env: { ...env, ...INSIDE }, timeoutMs, signal, clock };
    const until = signal ? AbortSignal.any([signal, this.closing.signal]) : this.closing.signal;
    const work = async (): Promise<CommandResult> => {
      const { id, pid } = await target();
      return execInContainer(engine, id, { ...run, pid });
    };
    try {
      return await this.link.insist(work, until);
    } catch (error) {
      if (signal?.aborted) return { ended: "cancelled", output: "", whole: true };
      throw error;
    }
  }

  /** False when the command failed: then the signal has to do. */
  private async carriedOut(id: string, { argv, timeoutMs, signal }: CommandRun): Promise<boolean> {
    try {
      await runHook({ name: "stop.command", command: argv, timeoutMs, ...(signal && { signal }) }, (run) =>
        this.inside(async () => ({ id }), run),
      );
      return true;
    } catch (error) {
      if (error instanceof OrcoError) return false;
      throw error;
    }
  }
}

function notRunning(service: string, instance: string): OrcoError {
  return new OrcoError("conflict", `${service} does not run`, { instance });
}
