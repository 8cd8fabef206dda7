import { OrcoError } from "../../kernel/errors.ts";
import { Cgroup } from "../cgroup.ts";
import { runCommand } from "../command.ts";
import { runHook } from "../hook.ts";
import { disproves, type Proof, proves } from "../identity.ts";
import { childrenOf, commandOf, descendantsOf, environOf, usageOf } from "../proc.ts";
import type { Exit, Handle, Identity, StopSpec, Usage } from "../runtime.ts";
import { drainTree, killTree, signalTree, type Tree, type TreePorts } from "../tree.ts";
import type { InstanceFolder, Meta } from "./meta.ts";
import type { Pace, Watch, Watched } from "./watch.ts";

const SIGKILLED = { code: 137, signal: "SIGKILL" } as const;

/** A matter of a millisecond, or of seconds where the machine is busy. */
const LAUNCH_PATIENCE_MS = 2000;
const LAUNCH_LOOK_MS = 50;

export interface InstancePorts extends TreePorts {
  readonly watch: Watch;
}

export interface InstanceParts {
  readonly meta: Meta;
  readonly folder: InstanceFolder;
  /** The shim is a child of this daemon, whose end is reported; an adopted one is looked at. */
  readonly own: boolean;
}

/**
 * A running instance: shim, service, and whatever those started.
 *
 * The end of the shim is the end of the service (the shim waits for nothing else). What is then left of the tree is killed
 * before `exited` resolves, so that a restart never meets the remains of the former start: at once after an end of its own;
 * within a stop, those who handle the stop signal have until its timeout.
 */
export class InstanceProcess implements Handle, Watched {
  readonly shim: Proof;
  private readonly tree: Tree;
  private readonly ended = Promise.withResolvers<Exit>();
  /** Aborts when patience has ended: the timeout of a stop, or its force. */
  private readonly killing = new AbortController();
  private stopping: { readonly spec: StopSpec; readonly done: Promise<Exit> } | undefined;
  private ending = false;
  private service: number | undefined;

  constructor(
    private readonly parts: InstanceParts,
    private readonly ports: InstancePorts,
  ) {
    const { instance, identity, cgroups } = parts.meta;
    this.shim = { ...identity, marker: instance };
    this.tree = { instance, shim: this.shim, cgroup: new Cgroup(cgroups) };
    this.killing.signal.addEventListener("abort", () => void this.kill(), { once: true });
    ports.watch.add(this);
  }

  get instance(): string {
    return this.parts.meta.instance;
  }

  get identity(): Identity {
    return this.parts.meta.identity;
  }

  get spools(): Handle["spools"] {
    return this.parts.folder.spools;
  }

  get startedAt(): number {
    return this.parts.meta.startedAt;
  }

  get exited(): Promise<Exit> {
    return this.ended.promise;
  }

  /** The shim is gone; `exited` follows when the rest of the tree is. */
  get hasEnded(): boolean {
    return this.ending;
  }

  get pace(): Pace {
    if (this.parts.own) return "own";
    return this.stopping ? "stopping" : "adopted";
  }

  get pid(): number | undefined {
    if (this.service === undefined && proves(this.shim, this.ports.boot)) this.service = childrenOf(this.identity.pid)[0];
    return this.service;
  }

  look(thorough: boolean): void {
    if (this.parts.folder.hasExit() || (thorough && disproves(this.shim, this.ports.boot))) this.noteEnd();
  }

  /** The shim has ended. */
  noteEnd(): void {
    if (this.ending) return;
    this.ending = true;
    void this.finish();
  }

  stop(spec: StopSpec, force?: AbortSignal): Promise<Exit> {
    const onForce = (): void => this.killing.abort();
    if (force?.aborted) onForce();
    else force?.addEventListener("abort", onForce, { once: true });
    const first = !this.stopping;
    this.stopping ??= { spec, done: this.untilEnded(spec) };
    if (first) {
      this.ports.watch.pace();
      if (!this.killing.signal.aborted) void this.ask(spec);
    }
    return this.stopping.done.finally(() => force?.removeEventListener("abort", onForce));
  }

  usage(): Usage | undefined {
    const members = this.tree.cgroup.pids();
    const pids = members ?? (proves(this.shim, this.ports.boot) ? descendantsOf(this.identity.pid) : []);
    if (pids.length === 0) return undefined;
    const usage = usageOf(pids);
    return { ...usage, cpuMs: this.tree.cgroup.cpuMs() ?? usage.cpuMs };
  }

  private async untilEnded(spec: StopSpec): Promise<Exit> {
    const cancel = this.ports.clock.after(spec.timeoutMs, () => this.killing.abort());
    const exit = await this.exited;
    cancel();
    return exit;
  }

  private async ask(spec: StopSpec): Promise<void> {
    if (spec.command && (await this.askByCommand(spec, spec.command))) return;
    await this.launched();
    if (!this.ending && !this.killing.signal.aborted) await signalTree(this.tree, spec.signal, this.ports);
  }

  /** Between fork and exec the service has the shim's signal handlers: what it is sent then is lost. */
  private async launched(): Promise<void> {
    const isForked = (): boolean => this.pid !== undefined && commandOf(this.pid) !== commandOf(this.shim.pid);
    const { clock } = this.ports;
    const deadline = clock.monotonic() + LAUNCH_PATIENCE_MS;
    const isOver = (): boolean => this.ending || this.killing.signal.aborted || clock.monotonic() >= deadline;
    for (let waitMs = 1; !isOver() && !isForked(); waitMs = Math.min(2 * waitMs, LAUNCH_LOOK_MS)) await clock.sleep(waitMs);
  }

  /** false when the command failed: then the signal has to do. Its environment and folder are those of the instance, read from the shim. */
  private async askByCommand({ timeoutMs }: StopSpec, command: readonly string[]): Promise<boolean> {
    const { pid } = this.identity;
    const env = Object.fromEntries((environOf(pid) ?? []).map((line) => line.split(/=(.*)/s, 2)));
    const { user } = this.parts.meta;
    try {
      const place = { cwd: `/proc/${pid}/cwd`, env: { ...env, ORCO_PID: String(this.pid ?? pid) }, clock: this.ports.clock };
      await runHook({ name: "stop.command", command, timeoutMs, signal: this.killing.signal }, ({ argv, ...how }) =>
        runCommand({ argv, timeoutMs, ...place, ...(how.signal && { signal: how.signal }), ...(user !== undefined && { user }) }),
      );
      return true;
    } catch (error) {
      if (error instanceof OrcoError) return false;
      throw error;
    }
  }

  private async kill(): Promise<void> {
    await killTree(this.tree, this.ports);
    this.look(true);
  }

  private async finish(): Promise<void> {
    const { watch } = this.ports;
    watch.remove(this);
    const exit = this.learn();
    const { signal: until } = this.killing;
    const spec = this.stopping?.spec;
    if (spec && !spec.command && !until.aborted) await drainTree(this.tree, { signal: spec.signal, until }, this.ports);
    await killTree(this.tree, this.ports);
    this.tree.cgroup.remove();
    this.ended.resolve(exit);
  }

  private learn(): Exit {
    const outOfMemory = this.tree.cgroup.outOfMemory();
    const written = this.parts.folder.readExit(outOfMemory);
    if (written) return written;
    const at = this.ports.clock.now();
    if (outOfMemory) return { ...SIGKILLED, reason: "oom_killed", at };
    return this.killing.signal.aborted ? { ...SIGKILLED, reason: "signaled", at } : { reason: "lost", at };
  }
}
