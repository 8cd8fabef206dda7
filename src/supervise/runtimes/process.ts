import { createHash } from "node:crypto";
import { existsSync, fchownSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { type CommandResult, runCommand } from "../command.ts";
import { Cgroup, type CgroupPlaces, findCgroups, removeEmpty, unenforced } from "../cgroup.ts";
import { findExecutable } from "../executable.ts";
import { execProcess } from "../exec/process.ts";
import { ExitPoll } from "../exit-poll.ts";
import { MARKER, MarkerSweep } from "../identity.ts";
import { bootId, readStat } from "../proc.ts";
import type { Adopted, CommandRun, Exec, ExecRun, Identity, LaunchSpec, Limits, Runtime } from "../runtime.ts";
import { Signals } from "../signal.ts";
import { killTree, purgeMarked } from "../tree.ts";
import { removePrivateFolder } from "../private-folder.ts";
import { type RunAs, runAs } from "../user.ts";
import { adoptInstance } from "./adopt.ts";
import { CONTAINER_FILE } from "./docker/folder.ts";
import { InstanceProcess, type InstancePorts } from "./instance-process.ts";
import { InstanceFolder, type Meta } from "./meta.ts";
import { shimCommand } from "./shim.ts";
import { Watch } from "./watch.ts";

/** A shell forks within a millisecond or two, and on a busy machine later; who needs the pid after that asks the handle. */
const PID_PATIENCE_MS = 1000;

export interface ProcessRuntimeOptions {
  /** $ORCO_HOME: instances live in `instances/<id>/`. */
  readonly home: string;
  readonly clock: Clock;
  /** Of this boot; read from the kernel. */
  readonly boot?: string;
  /** Another folder for an instance. */
  readonly folderOf?: (instance: string) => string;
  /** Where cgroups can be made; found on this machine. */
  readonly cgroups?: CgroupPlaces;
}

/** Instances as plain processes, each below a shim of its own that outlives the daemon. */
export class ProcessRuntime implements Runtime {
  readonly name = "process";
  private readonly root: string;
  private readonly folderOf: (instance: string) => string;
  private readonly places: CgroupPlaces;
  private readonly ports: InstancePorts;

  constructor({ home, clock, boot = bootId(), cgroups, folderOf }: ProcessRuntimeOptions) {
    this.root = join(home, "instances");
    this.folderOf = folderOf ?? ((instance) => join(this.root, instance));
    this.places = cgroups ?? findCgroups(createHash("sha256").update(home).digest("hex").slice(0, 12));
    const watch = new Watch(clock, new ExitPoll(boot));
    this.ports = { clock, boot, watch, signals: new Signals(boot), sweep: new MarkerSweep(clock, boot) };
  }

  async start(spec: LaunchSpec): Promise<InstanceProcess> {
    const [name = "", ...rest] = spec.argv;
    const file = findExecutable(name, spec);
    const as = spec.user === undefined ? undefined : runAs(spec.user);
    const folder = this.folder(spec.instance);
    let instance: InstanceProcess;
    try {
      instance = this.launch(spec, { folder, as, argv: [...(as?.argv ?? []), file, ...rest] });
    } catch (error) {
      await this.discard(spec.instance);
      throw new OrcoError("start_failed", `${name}: ${messageOf(error)}`, { command: name, path: file }, { cause: error });
    }
    await this.pidOf(instance);
    return instance;
  }

  adopt(instance: string): Promise<Adopted> {
    return adoptInstance({ instance, folder: this.folder(instance), places: this.places }, this.ports);
  }

  command({ cwd, env, user }: LaunchSpec, { env: more, ...run }: CommandRun): Promise<CommandResult> {
    return runCommand({ ...run, cwd, env: { ...env, ...more }, clock: this.ports.clock, ...(user !== undefined && { user }) });
  }

  async exec(spec: LaunchSpec, run: ExecRun): Promise<Exec> {
    return execProcess(spec, run, this.ports.clock);
  }

  purge(instance: string): Promise<void> {
    return purgeMarked(instance, this.ports);
  }

  async forget(instance: string): Promise<void> {
    Cgroup.guess(this.places, instance).remove();
    const { dir } = this.folder(instance);
    removePrivateFolder(join(dir, "secrets"));
    rmSync(dir, { recursive: true, force: true });
  }

  limitWarnings(limits: Limits): readonly string[] {
    return unenforced(this.places, limits);
  }

  /** Ids of the instances that have a folder, ended or not; those of containers are not ours. */
  instances(): string[] {
    try {
      return readdirSync(this.root).filter((instance) => !existsSync(join(this.root, instance, CONTAINER_FILE)));
    } catch {
      return [];
    }
  }

  /** Stops watching; what runs goes on. */
  close(): void {
    this.ports.watch.close();
    removeEmpty(this.places);
  }

  private folder(instance: string): InstanceFolder {
    return new InstanceFolder(this.folderOf(instance));
  }

  private launch(
    spec: LaunchSpec,
    { folder, as, argv }: { folder: InstanceFolder; as: RunAs | undefined; argv: string[] },
  ): InstanceProcess {
    const fds = folder.create();
    try {
      // A program that opens /dev/stdout anew needs the right to the file behind it.
      if (as) for (const fd of [fds.stdout, fds.stderr]) fchownSync(fd, as.uid, as.gid);
      const cgroup = Cgroup.create(this.places, spec.instance, spec.limits ?? {});
      const env = { ...spec.env, [MARKER]: spec.instance };
      const child = Bun.spawn(shimCommand({ argv, env, dir: folder.dir, cgroups: cgroup.paths }), {
        cwd: spec.cwd,
        env,
        stdin: "ignore",
        stdout: fds.stdout,
        stderr: fds.stderr,
        detached: true,
        ...(cgroup.paths.v2 !== undefined && { cgroup: cgroup.paths.v2 }),
      });
      const meta = this.describe(spec, { pid: child.pid, cgroup });
      folder.writeMeta(meta);
      const instance = new InstanceProcess({ meta, folder, own: true }, this.ports);
      void child.exited.then(() => instance.noteEnd());
      return instance;
    } finally {
      fds.close();
    }
  }

  private describe(spec: LaunchSpec, { pid, cgroup }: { pid: number; cgroup: Cgroup }): Meta {
    const { instance, user } = spec;
    // Even if it has ended already it is not reaped before this turn of the event loop is over.
    const identity: Identity = { bootId: this.ports.boot, pid, startTime: readStat(pid)?.startTime ?? 0 };
    const startedAt = this.ports.clock.now();
    return { instance, identity, startedAt, cgroups: cgroup.paths, ...(user !== undefined && { user }) };
  }

  private async discard(instance: string): Promise<void> {
    const cgroup = Cgroup.guess(this.places, instance);
    await killTree({ instance, shim: undefined, cgroup }, this.ports);
    await this.forget(instance);
  }

  private async pidOf(instance: InstanceProcess): Promise<void> {
    for (let waitMs = 1; waitMs < PID_PATIENCE_MS && !instance.hasEnded && instance.pid === undefined; waitMs *= 2) {
      await this.ports.clock.sleep(waitMs);
    }
  }
}
