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
  /** User name or uid[:gid]; needs root. */
  readonly user?: string;
  readonly limits?: Limits;
}

export type ExitReason = "exited" | "signaled" | "oom_killed" | "lost";

/** How an instance ended. A shell reports signals as 128+n, so `code` and `signal` may both be set. `lost`: the exit code could not be learned. */
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

export interface Handle {
  readonly instance: string;
  /** The shim (leader of the session and process group). */
  readonly identity: Identity;
  /** Pid of the service itself, once known. */
  readonly pid: number | undefined;
  /** Spool files, appended to by the instance and read by the log store. */
  readonly spools: { readonly stdout: string; readonly stderr: string };
  /** Epoch ms. */
  readonly startedAt: number;
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
  | { readonly kind: "exited"; readonly exit: Exit; readonly spools: { readonly stdout: string; readonly stderr: string } }
  /** It never started, or belongs to another boot: then its last lines may still be there. */
  | { readonly kind: "gone"; readonly spools?: { readonly stdout: string; readonly stderr: string } };

export interface Runtime {
  readonly name: "process" | "docker";
  /**
   * Starts the instance and resolves when it runs.
   * Rejects with `executable_not_found` (facts: path), `start_failed`; then nothing of it is left running.
   */
  start(spec: LaunchSpec): Promise<Handle>;
  /** Finds the instance a former daemon started. Kills nothing that runs properly. */
  adopt(instance: string): Promise<Adopted>;
  /** Kills what still carries the mark of an ended instance outside of its tree: what its hooks and probes left behind. */
  purge(instance: string): Promise<void>;
  /** Removes what is left on disk of an ended instance. */
  forget(instance: string): Promise<void>;
  /** Warnings about limits this machine cannot enforce, one sentence each. */
  limitWarnings(limits: Limits): readonly string[];
}
