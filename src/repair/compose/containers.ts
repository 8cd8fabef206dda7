import type { Redactor } from "../../supervise/logs/redact.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { type ContainerInfo, type ContainerRow, inspectContainer, listContainers } from "../../supervise/docker/containers.ts";
import type { CallOptions, Engine } from "../../supervise/docker/engine.ts";
import { FrameReader } from "../../supervise/docker/frames.ts";
import { OutputLines } from "../../supervise/output-lines.ts";
import type { ContainerState } from "../finding.ts";

const PROJECT = "com.docker.compose.project";
const SERVICE = "com.docker.compose.service";
/** Lines of a container's log that are looked at. */
const MAX_LOG_LINES = 2000;
const MAX_LOG_BYTES = 8 * 1024 * 1024;
const MAX_PROBES = 10;
/** How compose names a container while it replaces another. */
const HALF_MADE = /^\/?[0-9a-f]{12}_/;

/** More of it than orco looks at elsewhere. */
export interface ComposeContainer extends ContainerInfo {
  readonly RestartCount: number;
  readonly State: ContainerInfo["State"] & {
    readonly Health?: {
      readonly Status: string;
      readonly Log?: readonly { readonly ExitCode: number; readonly Output: string }[] | null;
    } | null;
  };
  readonly Config: ContainerInfo["Config"] & { readonly Tty?: boolean };
}

export interface ServiceName {
  readonly project: string;
  readonly service: string;
}

/** Containers of a service, newest first; of both kinds of compose. Not those of `compose run`. */
export async function serviceContainers(
  engine: Engine,
  { project, service }: ServiceName,
  options: CallOptions = {},
): Promise<ContainerRow[]> {
  const rows = await listContainers(engine, { [PROJECT]: project, [SERVICE]: service }, options);
  return rows.filter(({ Labels }) => Labels["com.docker.compose.oneoff"]?.toLowerCase() !== "true");
}

/** Undefined where there is none. */
export async function newestContainer(engine: Engine, name: ServiceName, options: CallOptions = {}): Promise<ComposeContainer | undefined> {
  for (const { Id } of await serviceContainers(engine, name, options)) {
    try {
      return (await inspectContainer(engine, Id, options)) as ComposeContainer;
    } catch (error) {
      // It went in between.
      if (!(error instanceof OrcoError) || error.code !== "not_found") throw error;
    }
  }
  return undefined;
}

/** What a repair must leave as it is: ids of all other containers of the host, and of those of the same project. */
export async function otherContainers(
  engine: Engine,
  { project, service }: ServiceName,
  options: CallOptions = {},
): Promise<{ readonly all: readonly string[]; readonly project: readonly string[] }> {
  const rows = (await listContainers(engine, {}, options)).filter(
    ({ Labels }) => Labels[PROJECT] !== project || Labels[SERVICE] !== service,
  );
  const own = rows.filter(({ Labels }) => Labels[PROJECT] === project && Labels["com.docker.compose.oneoff"]?.toLowerCase() !== "true");
  return { all: rows.map(({ Id }) => Id).toSorted(), project: own.map(({ Id }) => Id).toSorted() };
}

export function stateOf({ State, RestartCount, Image }: ComposeContainer): ContainerState {
  const { Health: health } = State;
  const known = ["starting", "healthy", "unhealthy"] as const;
  return {
    status: State.Status,
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    error: State.Error,
    restartCount: RestartCount,
    imageId: Image,
    startedAt: State.StartedAt,
    finishedAt: State.FinishedAt,
    ...(health && {
      health: {
        status: known.find((one) => one === health.Status) ?? ("none" as const),
        log: (health.Log ?? []).slice(-MAX_PROBES).map(({ ExitCode, Output }) => ({ exitCode: ExitCode, output: Output.slice(0, 4096) })),
      },
    }),
  };
}

/** The end of what a container said, newest last; since it was started where `sinceStart`. */
export async function logsOf(
  engine: Engine,
  { Id, State, Config }: ComposeContainer,
  { redactor, sinceStart = false, signal }: { redactor: Redactor; sinceStart?: boolean; signal?: AbortSignal },
): Promise<string[]> {
  const lines: string[] = [];
  const out = new OutputLines((line) => {
    if (lines.push(line) > MAX_LOG_LINES) lines.shift();
  }, redactor);
  const since = sinceStart && !State.StartedAt.startsWith("0001-") ? Date.parse(State.StartedAt) / 1000 : undefined;
  const query = { stdout: true, stderr: true, tail: MAX_LOG_LINES, ...(since !== undefined && { since: Math.floor(since) }) };
  const frames = Config.Tty === true ? undefined : new FrameReader();
  let bytes = 0;
  for await (const chunk of engine.stream("GET", `/containers/${Id}/logs`, { query, ...(signal && { signal }) })) {
    for (const data of frames ? frames.take(chunk).map((frame) => frame.data) : [chunk]) out.push(data);
    bytes += chunk.length;
    if (bytes > MAX_LOG_BYTES) break;
  }
  out.end();
  return lines;
}

/**
 * Puts right what a compose that was killed left of a container it was about to replace: beside one that has its name, the half-made one goes; where
 * it is the only one, it gets its name back. Volumes stay in either case.
 */
export async function settleHalfMade(engine: Engine, name: ServiceName, options: CallOptions = {}): Promise<string[]> {
  const rows = await serviceContainers(engine, name, options);
  const proper = new Set(rows.flatMap(({ Names }) => Names).filter((one) => !HALF_MADE.test(one)));
  const told: string[] = [];
  for (const { Id, Names } of rows) {
    const half = Names.find((one) => HALF_MADE.test(one));
    if (half === undefined) continue;
    const meant = half.replace(HALF_MADE, "/");
    if (proper.has(meant)) {
      await engine.call("DELETE", `/containers/${Id}`, { ...options, query: { force: true } });
      told.push(`removed the half-made container ${half.slice(1)}`);
    } else {
      await engine.call("POST", `/containers/${Id}/rename`, { ...options, query: { name: meant.slice(1) } });
      proper.add(meant);
      told.push(`gave the container ${half.slice(1)} its name back`);
    }
  }
  return told;
}
