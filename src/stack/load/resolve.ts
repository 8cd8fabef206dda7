import { resolve } from "node:path";
import type { SecretRef } from "../../supervise/secrets.ts";
import type { PortSpec, ServiceSpec } from "../spec.ts";
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
import { resolveCommand, resolveRuntime } from "./runtime.ts";
import { type DeclaredService, service } from "./shape.ts";
import { type Mapping, nodeAt, type Path } from "./source.ts";
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
  const declared = service.read(node, at) ?? {};
  const leftOut = whyLeftOut(declared, context.profiles);
  const runtime = resolveRuntime(declared, node, at);
  const ports = declared.ports ?? [];
  const replicas = checkReplicas(declared.replicas ?? 1, node, at);
  const { places } = context;
  const workdir = runtime === "docker" ? places.workdir : resolve(places.workdir, declared.workdir ?? ".");
  const volumes = runtime === "docker" ? resolveVolumes(declared.volumes ?? [], node, { at, places }) : [];
  const health = declared.health && resolveHealth(declared.health, block(node, "health"), at.in("health"));
  const command = resolveCommand(declared.command, runtime);
  const own = { runtime, health, command, env: declared.env ?? {} };
  const alone = ports.some((port) => bindsItself(port, own)) || (keepsData(volumes) && ports.every(({ host }) => host === undefined));
  const schedule = resolveSchedule(declared, { node, at });
  const spec: ServiceSpec = {
    name,
    runtime,
    command,
    workdir,
    env: { ...(leftOut === undefined ? envFromFiles(declared, node, { at, context }) : {}), ...declared.env },
    secrets: resolveSecrets(declared, node, { at, workdir: places.workdir, runtime }),
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
    ...(declared.watch && { watch: resolveWatch(declared, { node, at, places }) }),
    ...(runtime === "docker" && { docker: resolveDocker(declared, { node, at, places }) }),
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

const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function resolveSecrets(
  declared: DeclaredService,
  node: Mapping,
  { at, workdir, runtime }: { at: Place; workdir: string; runtime: ServiceSpec["runtime"] },
): Record<string, SecretRef> {
  const found: Record<string, SecretRef> = {};
  for (const [name, { file, env, as = "env", path }] of Object.entries(declared.secrets ?? {})) {
    const place = at.in("secrets").in(name);
    const span = nodeAt(node, ["secrets", name]);
    if ((file === undefined) === (env === undefined))
      place.fail(span, `secret ${name} comes from a file or from a variable (env): declare one of them`);
    if (path !== undefined && as !== "file")
      place.in("path").fail(nodeAt(node, ["secrets", name, "path"]), "path is for secrets that are files", { hint: "add as: file" });
    if (as === "env" && declared.env && Object.hasOwn(declared.env, name)) place.fail(span, `${name} is declared under env as well`);
    // A shell drops other names, and what carries them around it can be read in the process list.
    if (runtime === "process" && as === "env" && !SHELL_NAME.test(name))
      place.fail(span, `${name} cannot be the name of a variable that holds a secret`, { hint: "letters, digits and _; or add as: file" });
    if (runtime === "process" && declared.user !== undefined && as === "file" && path === undefined)
      place.fail(span, `${declared.user} cannot read secret ${name}: files of orco are for its own user`, {
        hint: "add path: a place that user can reach, or as: env",
      });
    const from = file === undefined ? { env: env ?? "" } : { file: resolve(workdir, file) };
    found[name] = { from, as, ...(path !== undefined && { path: resolve(workdir, path) }) };
  }
  return found;
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
