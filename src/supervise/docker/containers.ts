import { systemClock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";
import type { CallOptions, Engine } from "./engine.ts";
import { FrameReader, type Frame } from "./frames.ts";

const MAX_TRIES = 10;
const RETRY_MS = 50;

/** Of `POST /containers/create`: what orco sets of it. */
export interface ContainerSpec {
  readonly Image: string;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  /** `NAME=value`. */
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly HostConfig?: HostConfig;
  readonly NetworkingConfig?: { readonly EndpointsConfig: Readonly<Record<string, { readonly Aliases?: readonly string[] }>> };
}

export interface HostConfig {
  readonly Binds?: readonly string[];
  readonly Mounts?: readonly Mount[];
  readonly NanoCpus?: number;
  /** Bytes. */
  readonly Memory?: number;
  /** Memory and swap together, bytes. */
  readonly MemorySwap?: number;
  readonly PidsLimit?: number;
  readonly Ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly SecurityOpt?: readonly string[];
  readonly CapDrop?: readonly string[];
  readonly Init?: boolean;
  readonly NetworkMode?: string;
  readonly ExtraHosts?: readonly string[];
  readonly LogConfig?: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
  readonly RestartPolicy?: { readonly Name: string; readonly MaximumRetryCount?: number };
  readonly PortBindings?: Readonly<Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[]>>;
}

export interface Mount {
  readonly Type: "bind" | "volume" | "tmpfs";
  readonly Source?: string;
  readonly Target: string;
  readonly ReadOnly?: boolean;
  readonly TmpfsOptions?: { readonly SizeBytes?: number };
}

export interface ContainerState {
  readonly Status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
  readonly Running: boolean;
  readonly OOMKilled: boolean;
  readonly Pid: number;
  readonly ExitCode: number;
  readonly Error: string;
  /** RFC 3339; year 1 when it never did. */
  readonly StartedAt: string;
  readonly FinishedAt: string;
}

export interface ContainerInfo {
  readonly Id: string;
  /** With a slash in front. */
  readonly Name: string;
  readonly Image: string;
  /** Of commands that run inside. */
  readonly ExecIDs?: readonly string[] | null;
  readonly State: ContainerState;
  readonly Config: {
    readonly Image: string;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Env: readonly string[];
    /** Empty: root. */
    readonly User?: string;
  };
  readonly HostConfig?: HostConfig;
  readonly NetworkSettings: {
    /** Of one that does not run: empty addresses. */
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly Gateway?: string }>>;
    /** By `80/tcp`; null where it is only exposed. */
    readonly Ports?: Readonly<Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>>;
  };
}

/** A row of the list. */
export interface ContainerRow {
  readonly Id: string;
  readonly Names: readonly string[];
  /** As it was named when the container was made. */
  readonly Image: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly State: ContainerState["Status"];
}

export interface LogsOptions extends CallOptions {
  /** Go on until the container ends. */
  readonly follow?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Each frame begins with its time, RFC 3339 with nine digits, and a space. */
  readonly timestamps?: boolean;
  /** Epoch seconds, with fractions of up to nine digits; inclusive. */
  readonly since?: string;
  readonly tail?: number;
}

/** Returns its id. `not_found` when the image is missing, `conflict` when the name is taken. */
export async function createContainer(
  engine: Engine,
  name: string | undefined,
  { spec, ...options }: CallOptions & { spec: ContainerSpec },
): Promise<string> {
  const { Id } = await engine.call<{ Id: string }>("POST", "/containers/create", { ...options, query: { name }, body: spec });
  return Id;
}

/** Nothing happens when it runs already. `invalid` when its command cannot be executed. */
export async function startContainer(engine: Engine, id: string, options: CallOptions = {}): Promise<void> {
  await engine.call("POST", `${pathOf(id)}/start`, options);
}

/** By id or name. */
export function inspectContainer(engine: Engine, id: string, options: CallOptions = {}): Promise<ContainerInfo> {
  return engine.call("GET", `${pathOf(id)}/json`, options);
}

/** Resolves when it does not run; give it a `timeoutMs` that fits. */
export async function waitContainer(engine: Engine, id: string, options: CallOptions = {}): Promise<{ readonly exitCode: number }> {
  const { StatusCode } = await engine.call<{ StatusCode: number }>("POST", `${pathOf(id)}/wait`, { ...options, patient: true });
  return { exitCode: StatusCode };
}

/** What it wrote, in the order of docker's own log: the frames of one chunk at a time, to be read before the next is asked for. */
export async function* containerLogs(engine: Engine, id: string, options: LogsOptions = {}): AsyncGenerator<Frame[], void> {
  const { follow = false, stdout = true, stderr = true, timestamps = false, since, tail, ...call } = options;
  const reader = new FrameReader();
  for await (const chunk of engine.stream("GET", `${pathOf(id)}/logs`, {
    ...call,
    query: { follow, stdout, stderr, timestamps, since, tail },
  })) {
    const frames = reader.take(chunk);
    if (frames.length > 0) yield frames;
  }
}

/** `conflict` when it does not run. */
export async function killContainer(engine: Engine, id: string, { sig, ...options }: CallOptions & { sig: string }): Promise<void> {
  await engine.call("POST", `${pathOf(id)}/kill`, { ...options, query: { signal: sig } });
}

/** Its stop signal, and after `graceS` seconds SIGKILL; resolves when it has stopped. Nothing happens when it does not run. */
export async function stopContainer(engine: Engine, id: string, { graceS, ...options }: CallOptions & { graceS: number }): Promise<void> {
  const timeoutMs = options.timeoutMs ?? (graceS + 30) * 1000;
  await engine.call("POST", `${pathOf(id)}/stop`, { ...options, timeoutMs, query: { t: graceS } });
}

/** With its anonymous volumes, running or not. Nothing happens when it is gone already, or just going. */
export async function removeContainer(engine: Engine, id: string, options: CallOptions = {}): Promise<void> {
  const remove = (): Promise<void> => engine.call("DELETE", pathOf(id), { ...options, query: { force: true, v: true } });
  await retried(remove, /container state improper/).catch((error: unknown) => {
    if (!isGone(error)) throw error;
  });
}

/** Running or not, newest first. A label without a value matches all of its values. */
export async function listContainers(
  engine: Engine,
  labels: Readonly<Record<string, string | undefined>>,
  options: CallOptions = {},
): Promise<ContainerRow[]> {
  const label = Object.entries(labels).map(([name, value]) => (value === undefined ? name : `${name}=${value}`));
  const query = { all: true, filters: JSON.stringify({ label }) };
  return retried(() => engine.call("GET", "/containers/json", { ...options, query }), /no such container/);
}

/** Podman fails where something of a container is just ending, or one goes while it looks at them. */
async function retried<Value>(work: () => Promise<Value>, passing: RegExp): Promise<Value> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === MAX_TRIES || !passing.test(messageOf(error))) throw error;
      await systemClock().sleep(RETRY_MS);
    }
  }
}

function isGone(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return code === "not_found" || (code === "conflict" && /already in progress/.test(message ?? ""));
}

function pathOf(id: string): string {
  return `/containers/${encodeURIComponent(id)}`;
}
