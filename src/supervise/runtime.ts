import type { CommandResult } from "./command.ts";

/**
 * The contract between a supervisor and what runs its instances. One implementation a runtime in `runtimes/`,
 * all held to `runtimes/contract.suite.ts`.
 */

export interface StopSpec {
  /** Signal name, `SIGTERM` by default. */
  readonly signal: string;
  readonly timeoutMs: number;
  /** Run instead of the signal (with ORCO_PID in its environment); the kill after `timeoutMs` still comes. */
  readonly command?: readonly string[];
}

export interface Limits {
  /** Cores, e.g. 0.5. */
  readonly cpu?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly pids?: number;
}

/** Everything needed to start one instance; nothing in it is looked up later. */
export interface LaunchSpec {
  /** UUIDv7 of this start; also the ORCO_INSTANCE marker in its environment. */
  readonly instance: string;
  readonly stack: string;
  readonly service: string;
  readonly replica: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The complete environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  /** User name or uid[:gid]; needs root for a process, is the image's own affair for a container. */
  readonly user?: string;
  readonly limits?: Limits;
  /** What only a container has; the docker runtime needs it. Then `argv` follows the entrypoint (empty: the image's own) and `cwd` may be empty. */
  readonly container?: ContainerLaunch;
}

export interface ContainerLaunch {
  /** Name of the service's own: `<stack>-<service>-<replica>-<6 hex>`. */
  readonly name: string;
  readonly image: string;
  readonly pull: "missing" | "always" | "never";
  readonly build?: ImageBuild;
  readonly entrypoint?: readonly string[];
  readonly init: boolean;
  readonly stopSignal: string;
  readonly ulimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  /** The user's own and orco's: ownership is `orco.home` + `orco.stack`, never the name. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of the stack, with its labels: made when it is not there. */
  readonly network: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly aliases: readonly string[];
  readonly volumes: readonly VolumeMount[];
  /** Published by docker itself. */
  readonly publish: readonly {
    readonly container: number;
    readonly protocol: "tcp" | "udp";
    readonly host: number;
    readonly hostIp: string;
  }[];
  /** Container ports that the edge or a probe dials from this machine. */
  readonly dialled: readonly number[];
  /** Files put into the container before it starts: path inside, value. */
  readonly secrets: readonly { readonly name: string; readonly path: string; readonly value: string }[];
  /** Mounts of image volumes that nothing is declared for, by path, so that a restart finds its data again. */
  readonly anonymousVolume: { readonly prefix: string; readonly labels: Readonly<Record<string, string>> };
}

export interface ImageBuild {
  /** Absolute. */
  readonly context: string;
  readonly dockerfile?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** Hash over everything that goes into it: built once, and found again by it. */
  readonly digest: string;
}

export type VolumeMount =
  | { readonly kind: "bind"; readonly source: string; readonly target: string; readonly readOnly: boolean; readonly selinux?: "z" | "Z" }
  /** `labels` absent: external, never made and never removed. */
  | {
      readonly kind: "volume";
      readonly name: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly labels?: Readonly<Record<string, string>>;
    }
  | { readonly kind: "tmpfs"; readonly target: string; readonly sizeBytes?: number };

/** What a start may tell while it takes its time (an image is pulled or built), and what ends it. */
export interface StartOptions {
  /** It is not wanted any more: `start` rejects with the signal's reason and leaves nothing. */
  readonly signal?: AbortSignal;
  /** A line for the service's log. */
  readonly note?: (level: "info" | "warn" | "error", message: string) => void;
  /** What a person should see as its status now: `pulling postgres:16 (40%)`. */
  readonly progress?: (message: string) => void;
  /** It has been started before: what was there then and is missing now is told by its reason (`network_lost`). */
  readonly again?: boolean;
  /** Something of it was lost and has been made again. */
  readonly mended?: (reason: "network_lost", message: string) => void;
}

/** A command beside the instance: a hook, a probe. */
export interface CommandRun {
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Beside the instance's own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A command beside the instance that somebody talks to: `orco exec`. */
export interface ExecRun {
  readonly argv: readonly string[];
  /** Beside the instance's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the instance's. */
  readonly user?: string;
  readonly cwd?: string;
  /** On a terminal of this size: then all it writes is stdout. TERM is in `env`. */
  readonly tty?: TerminalSize;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecPiece {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

export interface Exec {
  /** The next piece of what it writes, undefined at the end. The command is held back while nobody asks; one question at a time. Never rejects. */
  read(): Promise<ExecPiece | undefined>;
  /** Resolves when there is room for more: false when the command reads no more. Never rejects; one at a time. */
  write(data: Uint8Array): Promise<boolean>;
  /** The end of its input; on a terminal nothing (its user types ^D). */
  end(): void;
  resize(size: TerminalSize): void;
  /** Resolves when it has ended and nothing of it is left. Rejects where only the try has shown that it cannot be started: as `exec` does. */
  readonly exited: Promise<{ readonly code?: number; readonly signal?: string }>;
  /** Ends it, and all it has started. Idempotent. */
  kill(): void;
}

export type ExitReason = "exited" | "signaled" | "oom_killed" | "lost" | "removed";

/**
 * How an instance ended. A shell reports signals as 128+n, so `code` and `signal` may both be set. `lost`: the exit code could not be learned;
 * `removed`: somebody else took the container away.
 */
export interface Exit {
  readonly code?: number;
  readonly signal?: string;
  readonly reason: ExitReason;
  /** Epoch ms. */
  readonly at: number;
}

/** Proof that a pid is still the process we started: a pid alone proves nothing. */
export interface Identity {
  readonly bootId: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot. */
  readonly startTime: number;
}

export interface Usage {
  /** CPU time used so far by the whole tree, ms. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}

export interface Endpoint {
  readonly host: string;
  /** Container port → port at `host`. */
  readonly ports: Readonly<Record<string, number>>;
}

export interface Spools {
  readonly stdout: string;
  readonly stderr: string;
  /** The lines have times of their own beside each spool (`logs/times.ts`): docker's. */
  readonly timed?: boolean;
}

export interface Handle {
  readonly instance: string;
  /** The shim (leader of the session and process group) of a process. */
  readonly identity?: Identity;
  /** Id of the container. */
  readonly container?: string | undefined;
  /** Pid of the service itself on this machine, once known. */
  readonly pid: number | undefined;
  /** Where a container is dialled from this machine; a process listens on 127.0.0.1, on the ports it was assigned. */
  readonly endpoint?: Endpoint | undefined;
  /** Spool files, appended to by the instance (or from docker's log of it) and read by the log store. */
  readonly spools: Spools;
  /** Epoch ms. */
  readonly startedAt: number;
  /** Somebody else holds it back: `paused by somebody else …`. */
  readonly held?: string | undefined;
  /** Resolves once, when the main process has ended (a grandchild that holds stdout does not delay it). Never rejects. */
  readonly exited: Promise<Exit>;
  /**
   * Stops the whole tree: command or signal, then after `timeoutMs` (or at once when `force` aborts) the kill.
   * Resolves when no process of the tree is left. Idempotent; a second call joins the first, and may force it.
   */
  stop(spec: StopSpec, force?: AbortSignal): Promise<Exit>;
  usage(): Usage | undefined;
}

export type Adopted =
  | { readonly kind: "running"; readonly handle: Handle }
  /** It ended while nobody watched; leftovers of its tree have been killed. */
  | { readonly kind: "exited"; readonly exit: Exit; readonly spools: Spools }
  /** It never started, or belongs to another boot: then its last lines may still be there. */
  | { readonly kind: "gone"; readonly spools?: Spools };

export interface Runtime {
  readonly name: "process" | "docker";
  /**
   * Starts the instance and resolves when it runs.
   * Rejects with `executable_not_found` (facts: path), `start_failed`, `invalid` (no such user), and of containers also `not_found` (no such image, or not for this platform),
   * `forbidden` (its registry wants credentials), `build_failed` (facts: log), `conflict` (a foreign object has our name), `port_in_use`,
   * `disk_full`, `unavailable` (a registry), or `engine_away` (facts: since) while docker does not answer; then nothing of it is left running.
   */
  start(spec: LaunchSpec, options?: StartOptions): Promise<Handle>;
  /** Finds the instance a former daemon started. Kills nothing that runs properly. While docker does not answer it counts as running. */
  adopt(instance: string): Promise<Adopted>;
  /** Runs a command as the instance would, inside of it while it runs. It is over, and nothing of it is left, when this resolves. Rejects as `start` does. */
  command(spec: LaunchSpec, run: CommandRun): Promise<CommandResult>;
  /**
   * Runs a command inside the instance while it runs, for somebody who talks to it. Rejects with `executable_not_found` and `start_failed`, and of
   * containers `conflict` (it does not run) and `engine_away`.
   */
  exec?(spec: LaunchSpec, run: ExecRun): Promise<Exec>;
  /** Kills what still carries the mark of an ended instance outside of its tree: what its hooks and probes left behind. */
  purge(instance: string): Promise<void>;
  /** Removes what is left of an ended instance: its folder, its container. */
  forget(instance: string): Promise<void>;
  /** Warnings about limits this machine cannot enforce, one sentence each. */
  limitWarnings(limits: Limits): readonly string[];
  /** Why nothing can be started or learned just now: `docker unreachable since 12:03:04`. */
  trouble?(): string | undefined;
}
