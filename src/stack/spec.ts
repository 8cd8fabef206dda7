import type { HealthSpec } from "../supervise/health.ts";
import type { LoggingSpec } from "../supervise/logs/record.ts";
import type { RestartPolicy } from "../supervise/restart.ts";
import type { Limits, StopSpec } from "../supervise/runtime.ts";
import type { SecretRef } from "../supervise/secrets.ts";

/**
 * A stack as the daemon keeps it: parsed, interpolated, merged, defaults filled in, validated. Durations in ms, sizes in bytes.
 * Plain JSON: it is stored in the journal database as it is.
 */
export interface StackSpec {
  readonly version: string;
  readonly name: string;
  /** Absolute. */
  readonly workdir: string;
  /** Absolute path of the file it came from, where it came from one. */
  readonly file?: string;
  readonly services: Readonly<Record<string, ServiceSpec>>;
  /** Restarts that nobody asks for, of all instances together; by their number when absent. */
  readonly restartBudget?: { readonly restarts: number; readonly windowMs: number };
}

export interface ServiceSpec {
  readonly name: string;
  readonly runtime: "process" | "docker";
  readonly image?: string;
  /** A string command is already `["/bin/sh", "-c", text]` for processes. May hold launch variables (see `launchText`). */
  readonly command: readonly string[];
  /** Absolute. */
  readonly workdir: string;
  readonly user?: string;
  /** Declared `env` over `envFromFile`, both resolved; without ORCO_* and PORT, which are added at launch. */
  readonly env: Readonly<Record<string, string>>;
  /** References only; values are read at each launch. */
  readonly secrets: Readonly<Record<string, SecretRef>>;
  readonly ports: readonly PortSpec[];
  /** Of containers only. */
  readonly volumes: readonly VolumeSpec[];
  readonly dependsOn: readonly Dependency[];
  readonly health?: HealthSpec;
  readonly replicas: number;
  readonly restartPolicy: RestartPolicy;
  readonly update: UpdateSpec;
  readonly stop: StopSpec;
  readonly limits?: Limits;
  readonly hooks: Readonly<Partial<Record<HookName, HookSpec>>>;
  readonly logging: LoggingSpec;
  readonly labels: Readonly<Record<string, string>>;
  readonly description?: string;
  readonly profiles: readonly string[];
  readonly disabled: boolean;
  /** What only containers have; absent for processes. */
  readonly docker?: DockerSpec;
  readonly watch?: readonly WatchSpec[];
  readonly schedule?: ScheduleSpec;
  /** Of a service that is built: whether a crash loop starts a repair. */
  readonly repair?: "off" | "propose" | "auto";
}

export type VolumeSpec =
  /** `source`: absolute. */
  | { readonly kind: "bind"; readonly source: string; readonly target: string; readonly readOnly: boolean; readonly selinux?: "z" | "Z" }
  /** `name` as declared; `external`: by that very name, made and removed by somebody else. */
  | { readonly kind: "volume"; readonly name: string; readonly target: string; readonly readOnly: boolean; readonly external: boolean }
  /** Of one replica, found again by its restarts and its updates. */
  | { readonly kind: "anonymous"; readonly target: string }
  | { readonly kind: "tmpfs"; readonly target: string; readonly sizeBytes?: number };

export interface BuildSpec {
  /** Absolute. */
  readonly context: string;
  readonly dockerfile?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** Hash over the context, put in when the stack is put: another context is another config. */
  readonly digest?: string;
}

export interface DockerSpec {
  readonly entrypoint?: readonly string[];
  readonly build?: BuildSpec;
  /** Folder inside the container; absent: the image's. */
  readonly workdir?: string;
  readonly pull: "missing" | "always" | "never";
  readonly init: boolean;
  readonly ulimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
}

export interface WatchSpec {
  readonly path: string;
  readonly action: "restart" | "rebuild" | "apply";
  readonly ignore: readonly string[];
}

export interface ScheduleSpec {
  readonly cron: string;
  readonly timezone?: string;
  readonly overlap: "skip" | "queue" | "replace";
}

export type HookName = "preStart" | "postStart" | "preStop" | "postStop";

export interface HookSpec {
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

export interface PortSpec {
  /** Absent: orco assigns a free port to each instance (PORT, `${PORT}`). */
  readonly host?: number;
  readonly hostIp?: string;
  readonly container: number;
  readonly protocol: "tcp" | "udp" | "http";
}

export type Requirement = "exists" | "started" | "ready" | "completed";

export interface Dependency {
  readonly target: string;
  readonly require: Requirement;
  readonly timeoutMs?: number;
}

export interface UpdateSpec {
  readonly strategy: "rolling" | "canary" | "blueGreen" | "recreate";
  /** Counts, percentages already applied to `replicas` (surge up, unavailable down). */
  readonly maxUnavailable: number;
  readonly maxSurge: number;
  readonly promoteAfterMs?: number;
  readonly abortAfterFailures: number;
  readonly observationWindowMs: number;
  readonly drainTimeoutMs: number;
  readonly autoRollback: boolean;
  /** Share of new requests the canary gets, 0 to 1; by instance count when absent. */
  readonly weight?: number;
}
