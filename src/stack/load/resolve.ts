import { resolve } from "node:path";
import type { PortSpec, ServiceSpec } from "../spec.ts";
import { Declaration } from "./declaration.ts";
import { Place } from "./field.ts";
import { type ReadFile, readEnvFile } from "./files.ts";
import { resolveHealth } from "./health.ts";
import { resolveDocker } from "./docker.ts";
import { type Places, resolveVolumes } from "./places.ts";
import { MAX_REPLICAS } from "./limits.ts";
import { bindsItself } from "./own-port.ts";
import type { DeclaredPort } from "./ports.ts";
import type { Report } from "./report.ts";
import type { Resolved } from "./resolved.ts";
import { resolveRepair } from "./repair.ts";
import { resolveCommand, resolveRuntime } from "./runtime.ts";
import { type DeclaredService, service } from "./shape.ts";
import { type Mapping, nodeAt, type Path } from "./source.ts";
import { resolveSecrets } from "./secrets.ts";
import { resolveSchedule } from "./schedule.ts";
import { keepsData } from "./shared-data.ts";
import { resolveWatch } from "./watch.ts";
import { resolveRestart, resolveUpdate } from "./update.ts";
import { shellCommand } from "./words.ts";

const MI = 1024 * 1024;

export interface ResolveContext {
  readonly report: Report;
  readonly places: Places;
  readonly profiles: ReadonlySet<string>;
  readonly readFile: ReadFile;
  readonly checkFiles: boolean;
}

/** One service with defaults merged in and variables put in → its spec. Everything wrong is reported. */
export function resolveService(name: string, node: Mapping, context: ResolveContext): Resolved {
  const path: Path = ["services", name];
  const at = new Place(path, context.report);
  const here = new Declaration(node, at);
  const declared = service.read(node, at) ?? {};
  const leftOut = whyLeftOut(declared, context.profiles);
  const runtime = resolveRuntime(declared, node, at);
  const ports = declared.ports ?? [];
  const replicas = checkReplicas(declared.replicas ?? 1, node, at);
  // Of what is left out no file is asked for.
  const places: Places = leftOut === undefined ? context.places : { ...context.places, look: undefined };
  const workdir = runtime === "docker" ? places.workdir : resolve(places.workdir, declared.workdir ?? ".");
  const volumes = runtime === "docker" ? resolveVolumes(declared.volumes ?? [], here, places) : [];
  const health = declared.health && resolveHealth(declared.health, block(node, "health"), at.in("health"));
  const command = resolveCommand(declared.command, runtime);
  const own = { runtime, health, command, env: declared.env ?? {} };
  const alone = ports.some((port) => bindsItself(port, own)) || (keepsData(volumes) && ports.every(({ host }) => host === undefined));
  const schedule = resolveSchedule(declared, here);
  const spec: ServiceSpec = {
    name,
    runtime,
    command,
    workdir,
    env: { ...(leftOut === undefined ? envFromFiles(declared, node, { at, context }) : {}), ...declared.env },
    secrets: resolveSecrets(declared, { here, workdir: places.workdir, runtime }),
    ports: ports.map(portSpec),
    volumes,
    dependsOn: (declared.dependsOn ?? []).map(dependency),
    replicas,
    restartPolicy: resolveRestart(
      { ...(schedule && { condition: "never" }), ...declared.restartPolicy },
      block(node, "restartPolicy"),
      at.in("restartPolicy"),
    ),
    update: resolveUpdate(declared.update ?? {}, { replicas, alone, node: block(node, "update"), at: at.in("update") }),
    stop: resolveStop(declared),
    hooks: resolveHooks(declared),
    logging: resolveLogging(declared),
    labels: declared.labels ?? {},
    profiles: declared.profiles ?? [],
    disabled: declared.disabled ?? false,
    ...(health && { health }),
    ...optional(declared),
    ...(schedule && { schedule }),
    ...(declared.repair !== undefined && { repair: resolveRepair(declared, here) }),
    ...(declared.watch && { watch: resolveWatch(declared, here, places) }),
    ...(runtime === "docker" && { docker: resolveDocker(declared, { here, places }) }),
  };
  return { spec, declared, ports, node, path, ...(leftOut !== undefined && { leftOut }) };
}

function optional(declared: DeclaredService): Partial<ServiceSpec> {
  const { image, user, description, resources } = declared;
  return {
    ...(image !== undefined && { image }),
    ...(user !== undefined && { user }),
    ...(description !== undefined && { description }),
    ...(resources && Object.keys(resources).length > 0 && { limits: resources }),
  };
}

/** The mapping under `key`, or the service itself where there is none to point at. */
function block(node: Mapping, key: string): Mapping {
  const value = node.entries.get(key)?.value;
  return value?.kind === "map" ? value : { ...node, entries: new Map() };
}

function whyLeftOut({ disabled, profiles = [] }: DeclaredService, active: ReadonlySet<string>): string | undefined {
  if (disabled) return "it is disabled";
  if (profiles.length === 0 || profiles.some((profile) => active.has(profile))) return undefined;
  return `its ${profiles.length === 1 ? "profile" : "profiles"} ${profiles.join(", ")} ${profiles.length === 1 ? "is" : "are"} not active`;
}

function checkReplicas(replicas: number, node: Mapping, at: Place): number {
  if (replicas <= MAX_REPLICAS) return replicas;
  at.in("replicas").fail(nodeAt(node, ["replicas"]), `${replicas} replicas; at most ${MAX_REPLICAS} (MAX_REPLICAS)`);
  return MAX_REPLICAS;
}

function envFromFiles(
  declared: DeclaredService,
  node: Mapping,
  { at, context }: { at: Place; context: ResolveContext },
): Record<string, string> {
  const paths = declared.envFromFile ?? [];
  const field = nodeAt(node, ["envFromFile"]);
  return Object.assign(
    {},
    ...paths.map((path, index) => {
      const item = field.kind === "list" ? (field.items[index] ?? field) : field;
      const request = {
        path: resolve(context.places.workdir, path),
        at: item,
        field: [...at.path, "envFromFile", ...(item === field ? [] : [index])],
        lenient: !context.checkFiles,
      };
      return readEnvFile(request, context.readFile, context.report);
    }),
  ) as Record<string, string>;
}

function dependency({
  target = "",
  require = "ready",
  timeout,
}: NonNullable<DeclaredService["dependsOn"]>[number]): ServiceSpec["dependsOn"][number] {
  return { target, require, ...(timeout !== undefined && { timeoutMs: timeout }) };
}

function portSpec({ host, hostIp, container, protocol }: DeclaredPort): PortSpec {
  return { ...(host !== undefined && { host }), ...(hostIp !== undefined && { hostIp }), container, protocol };
}

function resolveStop({ stop = {} }: DeclaredService): ServiceSpec["stop"] {
  const { signal = "SIGTERM", timeout = 10_000, command } = stop;
  return { signal, timeoutMs: timeout, ...(command !== undefined && { command: shellCommand(command) }) };
}

function resolveHooks({ hooks = {} }: DeclaredService): ServiceSpec["hooks"] {
  const declared = Object.entries(hooks).filter(([, hook]) => hook.command !== undefined);
  return Object.fromEntries(
    declared.map(([name, { command = [], timeout = 30_000 }]) => [name, { command: shellCommand(command), timeoutMs: timeout }]),
  );
}

function resolveLogging({ logging = {} }: DeclaredService): ServiceSpec["logging"] {
  const { maxFileSize = 16 * MI, maxFiles = 4, maxAge, format = "auto" } = logging;
  return { maxFileSizeBytes: maxFileSize, maxFiles, format, ...(maxAge !== undefined && { maxAgeMs: maxAge }) };
}
