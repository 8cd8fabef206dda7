import { basename } from "node:path";
import { errnoOf, OrcoError, type Diagnostic } from "../kernel/errors.ts";
import type { JsonObject } from "../kernel/event.ts";
import { dependenciesOf } from "../kernel/graph.ts";
import { inherited } from "../kernel/inherited.ts";
import { readTextFile } from "../kernel/read-text.ts";
import type { Runs } from "../workflow/execute.ts";
import { graphOf, serviceOf, unknownService } from "./graph.ts";
import type { RebuildChange } from "./changes/rebuild.ts";
import type { ReloadChange } from "./changes/reload.ts";
import { orDecide, refuseDecision } from "./changes/decide.ts";
import { refuseLasting } from "./changes/once.ts";
import { MAX_REPLICAS, MAX_SOURCE_BYTES } from "./load/limits.ts";
import { loadStack } from "./load/load.ts";
import { lookAt } from "./load/places.ts";
import { planChanges } from "./plan.ts";
import type { Stacks } from "./stacks.ts";
import type { BuildSpec, ServiceSpec, StackSpec } from "./spec.ts";
import type { PlanView, PutStack } from "./view.ts";
import type { RunView } from "../workflow/view.ts";
import { runView } from "../workflow/run-view.ts";

/** Of one apply; `orco lint` tells all. */
const MAX_WARNINGS = 20;
const COALESCED = new Set(["restart", "start", "stop"]);

interface ActRequest {
  readonly stack: string;
  readonly service: string;
  readonly action: "restart" | "start" | "stop" | "run" | "scale" | "promote" | "abort";
  readonly replicas?: number;
  readonly queue?: boolean;
}

interface RequestPorts {
  /** Hash over everything a build uses. Throws `invalid` for a context that cannot be read. */
  readonly buildDigest: (build: BuildSpec) => Promise<string>;
}

/** Requests of people turned into runs. */
export class StackRequests {
  constructor(
    private readonly stacks: Stacks,
    private readonly runs: Runs,
    private readonly ports: RequestPorts,
  ) {}

  /** `invalid` and `unsupported` carry `diagnostics`; `conflict`: another file holds the name; `busy`: facts.run. */
  async put(name: string, body: PutStack, { adopt = false, queue = false }: { adopt?: boolean; queue?: boolean }): Promise<RunView> {
    const { spec, warnings } = await this.read(name, body);
    this.refuseForeign(spec, adopt);
    const selected = body.services && body.services.length > 0 ? closure(spec, body.services) : undefined;
    const record = { spec, baseEnv: inherited(body.env) };
    const told = warnings.slice(0, MAX_WARNINGS).map(warningText);
    const more = { ...(selected && { selected }), ...(told.length > 0 && { warnings: told }) };
    const input = { record, start: body.start ?? false, ...more } as unknown as JsonObject;
    return this.submit({ kind: "apply", stack: name, input, queue });
  }

  async plan(name: string, body: PutStack): Promise<PlanView> {
    const { spec, warnings } = await this.read(name, body);
    return { ...planChanges(this.stacks.find(name)?.carriedOut(spec), spec), warnings };
  }

  /** Cancels what changes the stack and takes it down; with `force` everything is killed at once. */
  async remove(name: string, { force = false, volumes = false }: { force?: boolean; volumes?: boolean }): Promise<RunView> {
    const stack = this.stacks.require(name);
    const underWay = this.runs.underWay({ stack: name });
    const known = underWay.find(({ kind }) => kind === "down");
    // First: whoever sees a run that is cancelled for it finds the reason under way.
    const { id } = known ?? (await this.submit({ kind: "down", stack: name, input: { stack: name, volumes }, queue: true }));
    if (!known) await Promise.all(underWay.map((run) => this.runs.cancel(run.id, "orco down")));
    const run = runView(this.runs.get(id), this.runs.steps(id));
    if (force) for (const supervisor of stack.all()) void supervisor.want("stop", "shutdown", true);
    return run;
  }

  async act({ stack, service, action, replicas, queue = true }: ActRequest): Promise<RunView> {
    const spec = serviceOf(this.stacks.require(stack).record.spec, service);
    if (!spec) throw unknownService(this.stacks.require(stack).record.spec, service);
    if (action === "promote" || action === "abort") return this.decide({ stack, service, action });
    if (action === "scale") refuseScale(spec, replicas);
    if (action === "run") refuseLasting(spec);
    const twin = COALESCED.has(action)
      ? this.runs.underWay({ stack, service }).find((run) => run.kind === action && run.status === "queued")
      : undefined;
    if (twin) return runView(twin, this.runs.steps(twin.id));
    const input = { stack, service, ...(replicas !== undefined && { replicas }) };
    return this.submit({ kind: action, stack, service, input, queue });
  }

  /** Replaces the instances of a service by ones with other variables, without a gap (`changes/reload.ts`). */
  reload(stack: string, service: string, change: ReloadChange): Promise<RunView> {
    return this.submit({ kind: "reload", stack, service, input: { stack, service, ...change }, queue: true });
  }

  /** Replaces the instances of a service by ones of another build (`changes/rebuild.ts`). `repair`: the repair that asks, a label of the run. */
  rebuild({ stack, service }: { stack: string; service: string }, change: RebuildChange, repair: string): Promise<RunView> {
    const input = { stack, service, ...change };
    return this.submit({ kind: "rebuild", stack, service, input, queue: true, labels: { repair } });
  }

  /** In a lane of its own: the update holds the one of the stack until it hears of it. */
  private async decide({ stack, service, action }: { stack: string; service: string; action: "promote" | "abort" }): Promise<RunView> {
    refuseDecision(this.stacks.require(stack).updates.get(service), { service, action });
    const labels = { stack, service };
    const lane = `update/${stack}/${service}`;
    const row = await this.runs.submit({ kind: action, lane, input: { stack, service }, labels, onBusy: "reject" });
    return runView(row, this.runs.steps(row.id));
  }

  private async submit({
    kind,
    stack,
    service,
    input,
    queue,
    labels: more = {},
  }: {
    kind: string;
    stack: string;
    service?: string;
    input: JsonObject;
    queue: boolean;
    labels?: Readonly<Record<string, string>>;
  }): Promise<RunView> {
    const labels = { stack, ...(service !== undefined && { service }), ...more };
    const request = { kind, lane: `stack/${stack}`, input, labels, onBusy: queue ? ("queue" as const) : ("reject" as const) };
    const row = await this.runs.submit(request).catch((error: unknown) => {
      throw orDecide(error, this.stacks.find(stack)?.updates.undecided());
    });
    return runView(row, this.runs.steps(row.id));
  }

  private async read(name: string, body: PutStack): Promise<ReturnType<typeof read>> {
    const { spec, warnings } = read(name, body);
    return { spec: await stamped(spec, this.ports.buildDigest), warnings };
  }

  private refuseForeign(spec: StackSpec, adopt: boolean): void {
    const holder = this.stacks.find(spec.name)?.record.spec.file;
    if (adopt || holder === undefined || spec.file === undefined || holder === spec.file) return;
    throw new OrcoError(
      "conflict",
      `stack ${spec.name} is up from ${holder}; give this one another name, take that one down, or pass --adopt`,
      { stack: spec.name, file: holder },
    );
  }
}

function warningText({ file, line, column, message, hint }: Diagnostic): string {
  return `${basename(file)}:${line}:${column}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}

/** What a service is built from is part of what it is: other files, another config. */
async function stamped(spec: StackSpec, buildDigest: RequestPorts["buildDigest"]): Promise<StackSpec> {
  const services = await Promise.all(
    Object.entries(spec.services).map(async ([name, service]): Promise<[string, ServiceSpec]> => {
      const { docker } = service;
      if (!docker?.build) return [name, service];
      return [name, { ...service, docker: { ...docker, build: { ...docker.build, digest: await buildDigest(docker.build) } } }];
    }),
  );
  return { ...spec, services: Object.fromEntries(services) };
}

function read(name: string, body: PutStack): { spec: StackSpec; warnings: readonly Diagnostic[] } {
  const { spec, diagnostics } = loadStack({ ...body, readFile: readOrUndefined, look: lookAt }, { profiles: body.profiles ?? [] });
  refuse(diagnostics, "error", "the stack file has errors");
  refuse(diagnostics, "unsupported", "the stack file asks for what this version cannot do");
  if (!spec) throw new OrcoError("internal", "the stack file was read without a result");
  if (spec.name !== name)
    throw new OrcoError("invalid", `the file declares stack ${spec.name}, the request names ${name}`, { stack: name });
  return { spec, warnings: diagnostics };
}

function refuse(diagnostics: readonly Diagnostic[], severity: "error" | "unsupported", title: string): void {
  const found = diagnostics.filter((diagnostic) => diagnostic.severity === severity);
  const first = found[0];
  if (!first) return;
  const more = found.length > 1 ? ` (and ${found.length - 1} more)` : "";
  const code = severity === "error" ? "invalid" : "unsupported";
  throw new OrcoError(code, `${title}: ${first.file}:${first.line}:${first.column}: ${first.message}${more}`, { diagnostics: found });
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readTextFile(path, MAX_SOURCE_BYTES);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The named services and everything they depend on. `not_found` names one that is not declared. */
function closure(spec: StackSpec, services: readonly string[]): string[] {
  const unknown = services.find((service) => !serviceOf(spec, service));
  if (unknown !== undefined) throw unknownService(spec, unknown);
  const graph = graphOf(spec);
  return [...new Set(services.flatMap((service) => [service, ...dependenciesOf(graph, service)]))];
}

/** As many as the file may say; UDP ports of the host have one owner. */
function refuseScale({ name, ports, schedule }: ServiceSpec, replicas: number | undefined): void {
  if (schedule)
    throw new OrcoError(
      "unsupported",
      `${name} runs by its schedule, once at a time: there is nothing to scale (orco stop ${name} pauses it)`,
      {
        service: name,
      },
    );
  if (replicas === undefined || !Number.isInteger(replicas) || replicas < 0 || replicas > MAX_REPLICAS)
    throw new OrcoError("invalid", `replicas must be a whole number from 0 to ${MAX_REPLICAS}`, { replicas });
  const datagrams = ports.find(({ host, protocol }) => host !== undefined && protocol === "udp");
  if (datagrams && replicas > 1)
    throw new OrcoError("unsupported", `${name} binds UDP port ${datagrams.host} of the host, which the edge does not share`, {
      service: name,
    });
}
