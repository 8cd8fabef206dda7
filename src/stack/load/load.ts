import { dirname, join, resolve } from "node:path";
import type { Diagnostic } from "../../kernel/errors.ts";
import type { ServiceSpec, StackSpec } from "../spec.ts";
import { checkTogether } from "./check.ts";
import { Place } from "./field.ts";
import { type ReadFile, readEnvFile } from "./files.ts";
import { Includes, mergedOver } from "./include.ts";
import { Interpolator, type Vars } from "./interpolate.ts";
import { LAUNCH_VARIABLES } from "./launch.ts";
import { MAX_SERVICES, MAX_SOURCE_BYTES } from "./limits.ts";
import { isBroken } from "./parse.ts";
import type { Look } from "./places.ts";
import { refuse } from "./refuse.ts";
import { Report } from "./report.ts";
import { type ResolveContext, resolveService } from "./resolve.ts";
import type { Resolved } from "./resolved.ts";
import { DEFAULT_BLOCKS, file as fileShape } from "./shape.ts";
import { type Entry, type Mapping, type Node, nodeAt, SourceFile } from "./source.ts";

export interface StackSource {
  readonly source: string;
  /** Absolute path of the file; `.env` and includes are looked up beside it. */
  readonly file?: string;
  /** Absolute; base of the relative paths in the stack. Stands in for the folder of `file` where there is none. */
  readonly workdir: string;
  /** Variables for interpolation; they win over `.env`. */
  readonly env: Vars;
  readonly readFile: ReadFile;
  /** For paths that must be there; without it none is looked at. */
  readonly look?: Look;
}

export interface LoadOptions {
  readonly profiles?: readonly string[];
  /** false: an env file that cannot be read is a warning, and no path is looked at (lint on another machine). Default true. */
  readonly checkFiles?: boolean;
}

export interface Loaded {
  /** Absent when there are errors; present beside `unsupported` and warnings, so that graph and lint can show it. */
  readonly spec?: StackSpec;
  readonly diagnostics: readonly Diagnostic[];
}

const BUDGET_WINDOW_MS = 10_000;
const LAUNCH = new Set(LAUNCH_VARIABLES);
const LAUNCH_WITHOUT_PORT = new Set(LAUNCH_VARIABLES.filter((name) => name !== "PORT"));

/**
 * Reads a stack.yaml: parse → includes → defaults → interpolate → validate. All findings are reported, sorted by place; nothing is thrown.
 * Interpolation works on the merged values, so that a variable which an includer overrides need not be set.
 */
export function loadStack(from: StackSource, options: LoadOptions = {}): Loaded {
  const path = from.file ?? join(from.workdir, "stack.yaml");
  const file = new SourceFile(from.file ?? "stack.yaml", from.source);
  const report = new Report();
  const spec = read(file, { from, path, report, options });
  const diagnostics = report.sorted(file.name);
  return spec && !report.failed ? { spec, diagnostics } : { diagnostics };
}

interface Loading {
  readonly from: StackSource;
  /** Absolute path of the file. */
  readonly path: string;
  readonly report: Report;
  readonly options: LoadOptions;
}

function read(file: SourceFile, loading: Loading): StackSpec | undefined {
  const { from, path, report, options } = loading;
  const start = { file, start: 0, end: 0 };
  if (from.source.length > MAX_SOURCE_BYTES) {
    report.add([], start, { message: `larger than ${MAX_SOURCE_BYTES / 1024 / 1024} MiB (MAX_SOURCE_BYTES)` });
    return undefined;
  }
  const request = { path: join(dirname(path), ".env"), at: start, field: [], lenient: options.checkFiles === false, optional: true };
  const vars = { ...readEnvFile(request, from.readFile, report), ...from.env };
  const interpolator = new Interpolator(vars, report);
  const root = new Includes({ report, interpolator, readFile: from.readFile }).load(file, [path]);
  if (!root) return undefined;
  const head = readHead(root, interpolator, report);
  const workdir = resolve(from.workdir, head.stack?.workdir ?? ".");
  const home = from.env["HOME"];
  const context = {
    report,
    places: { workdir, ...(home !== undefined && { home }), ...(options.checkFiles !== false && from.look && { look: from.look }) },
    profiles: new Set(options.profiles),
    readFile: from.readFile,
    checkFiles: options.checkFiles !== false,
  };
  const services = readServices(root, interpolator, context);
  checkTogether(services, report);
  const active = [...services.values()].filter((service) => service.leftOut === undefined);
  for (const service of active) refuse(service, report);
  const specs: Record<string, ServiceSpec> = Object.fromEntries(active.map(({ spec }) => [spec.name, spec]));
  const { name = "", restartBudget } = head.stack ?? {};
  return {
    version: "0.1",
    name,
    workdir,
    services: specs,
    ...(from.file !== undefined && { file: from.file }),
    ...(restartBudget?.restarts !== undefined && {
      restartBudget: { restarts: restartBudget.restarts, windowMs: restartBudget.window ?? BUDGET_WINDOW_MS },
    }),
  };
}

/** Everything but the services, and `defaults` on their own so that what is wrong there is reported there. */
function readHead(root: Mapping, interpolator: Interpolator, report: Report): NonNullable<ReturnType<typeof fileShape.read>> {
  const entries = new Map<string, Entry>();
  for (const [key, { keyAt, value }] of root.entries) {
    entries.set(key, {
      keyAt,
      value: key === "services" ? value : interpolator.tree(value, [key], key === "defaults" ? LAUNCH : undefined),
    });
  }
  return fileShape.read({ ...root, entries }, new Place([], report)) ?? {};
}

function readServices(root: Mapping, interpolator: Interpolator, context: ResolveContext): Map<string, Resolved> {
  const services = nodeAt(root, ["services"]);
  const found = new Map<string, Resolved>();
  if (services.kind !== "map" || services === root) return found;
  if (services.entries.size > MAX_SERVICES) {
    context.report.add(["services"], services, {
      message: `${services.entries.size} services; at most ${MAX_SERVICES} (MAX_SERVICES)`,
      hint: "split the stack",
    });
    return found;
  }
  const defaults = defaultBlocks(root);
  for (const [name, { keyAt, value }] of services.entries) {
    const own = ownMapping(value, keyAt);
    const path = ["services", name];
    if (own.kind !== "map") {
      if (!isBroken(own)) context.report.add(path, own, { message: `expected a mapping that describes ${name}` });
      continue;
    }
    const merged = mergedOver(defaults, own) ?? own;
    found.set(name, resolveService(name, interpolator.tree(merged, path, launchVariables(merged)), context));
  }
  return found;
}

/** `name:` with nothing below is an empty mapping at the name. */
function ownMapping(value: Node, keyAt: Entry["keyAt"]): Node {
  const empty = value.kind === "scalar" && value.value === null && !value.broken;
  return empty ? { kind: "map", ...keyAt, entries: new Map() } : value;
}

function defaultBlocks(root: Mapping): Mapping | undefined {
  const defaults = root.entries.get("defaults")?.value;
  if (defaults?.kind !== "map") return undefined;
  const entries = [...defaults.entries].filter(([key]) => (DEFAULT_BLOCKS as readonly string[]).includes(key));
  return { ...defaults, entries: new Map(entries) };
}

/** `${PORT}` waits for the launch where orco gives a port: ports are declared, and the service sets no PORT of its own. */
function launchVariables(service: Mapping): ReadonlySet<string> {
  const env = service.entries.get("env")?.value;
  const ownPort = env?.kind === "map" && env.entries.has("PORT");
  const ports = service.entries.get("ports")?.value;
  return !ownPort && ports?.kind === "list" && ports.items.length > 0 ? LAUNCH : LAUNCH_WITHOUT_PORT;
}
