import { join } from "node:path";
import { InferenceMetrics } from "../http/inference-metrics.ts";
import { adapterOf } from "../inference/adapters/adapters.ts";
import { Catalog } from "../inference/catalog/catalog.ts";
import { Managers } from "../inference/nodes/polled.ts";
import { Nodes } from "../inference/nodes/nodes.ts";
import { Gpus } from "../inference/pools/gpu.ts";
import type { PoolWork } from "../inference/pools/pool.ts";
import { Pools } from "../inference/pools/registry.ts";
import { PoolRequests } from "../inference/pools/requests.ts";
import type { BegunReload } from "../inference/pools/store.ts";
import { ENGINES, type EngineKind } from "../inference/request.ts";
import type { InferenceService } from "../inference/service.ts";
import { Sessions } from "../inference/sessions/sessions.ts";
import { Desk } from "../inference/tasks/desk.ts";
import type { DeskOptions } from "../inference/tasks/options.ts";
import { TOPIC } from "../inference/tasks/store.ts";
import { UpstreamClient } from "../inference/upstream/client.ts";
import type { Clock } from "../kernel/clock.ts";
import type { LoadedConfig } from "../kernel/config.ts";
import type { daemonLog, LaterLog } from "../kernel/daemon-log.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import { VERSION } from "../kernel/version.ts";
import type { Core, CoreOptions } from "./core.ts";
import { StackEngines } from "./inference-engines.ts";
import { traceInference } from "./inference-trace.ts";

interface InferenceOptions {
  readonly config: LoadedConfig["config"];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly log: ReturnType<typeof daemonLog>;
  readonly taskLog: LaterLog;
  /** Whose services may be engines. */
  readonly core: Pick<Core, "stacks" | "requests" | "runs">;
  readonly onError: (error: unknown) => void;
}

/** The inference control plane, wired. */
export type InferenceParts = ReturnType<typeof buildInference>;

export function buildInference(options: InferenceOptions) {
  const { config, env, clock, journal, log, taskLog, core, onError } = options;
  const meter: InferenceMetrics = new InferenceMetrics(() => pools.list().map(({ id }) => id));
  const client = new UpstreamClient({ clock });
  const adapters = (engine: EngineKind) => adapterOf(engine, client);
  // Pools tell the desk, and the desk reads the pools: each call comes after both are there.
  const work: PoolWork = {
    changed: (id) => desk.work.changed(id),
    expire: (id, reason) => desk.work.expire(id, reason),
    purge: (id) => desk.work.purge(id),
    load: (id) => desk.work.load(id),
  };
  const pools: Pools = new Pools({ clock, adapters, meter, work });
  const catalog = new Catalog({
    journal,
    clock,
    roots: config.modelRoots ?? [join(config.home, "models")],
    allow: config.modelAllow,
    hf: { base: config.hfEndpoint, ...(config.hfToken !== undefined && { token: config.hfToken }) },
    holders: () => holdersOf(pools, nodes),
    log: (message, facts) => log.warn({ ...facts }, message),
  });
  const sessions = new Sessions({ clock, ttlMs: config.sessionTtlMs });
  const engineOf = (pool: string): string | undefined => pools.get(pool)?.engine;
  const trace = traceInference({ clock, endpoint: config.otlpEndpoint, log: taskLog, engineOf, onError });
  const desk: Desk = new Desk({
    clock,
    journal,
    pools,
    catalog,
    sessions,
    meter,
    adapterOf: adapters,
    ...trace.ports,
    ...rulesOf(config, clock),
    onError,
  });
  const gpus = new Gpus({ clock, env });
  const engines = new StackEngines({
    stacks: core.stacks,
    requests: core.requests,
    runs: core.runs,
    pools,
    load: (id) => work.load(id),
    gpus,
    clock,
    modelPath: (ref) => pathOf(catalog, ref),
  });
  const reloads = {
    reloadServices: (pool: string, model: string) => engines.reload(pool, model),
    reloadedServices: (begun: BegunReload) => engines.reloaded(begun),
  };
  const requests = new PoolRequests({ pools, journal, clock, adapters, work, env, ...reloads, onError });
  const tell = (type: string, data: JsonObject): void => void journal.append([{ topic: TOPIC, type, data }]).catch(onError);
  const reports = { clock, pools, load: (id: string) => work.load(id), meter, tell };
  const nodes: Nodes = new Nodes({ ...reports, staleMs: config.nodeStaleMs });
  const managers = new Managers({ ...reports, client, urls: config.poolManagers, apiKey: config.apiKey });
  const parts = { tasks: desk, sessions, pools: requests, catalog, nodes };
  const service: InferenceService = { ...parts, managers: () => managers.list(), capabilities: () => capabilities(config) };
  return { service, meter, trace, desk, pools, engines, requests, catalog, nodes, managers, client };
}

function rulesOf(config: InferenceOptions["config"], clock: Clock): Pick<DeskOptions, "lane" | "timeouts"> {
  return {
    lane: {
      capacity: config.admissionCapacity,
      admission: config.admissionPolicy,
      ageingMs: config.ageingMs,
      policy: config.placementPolicy,
      breaker: { failures: config.breakerFailures, openMs: config.breakerOpenMs },
      now: () => clock.monotonic(),
    },
    timeouts: { firstTokenMs: config.firstTokenTimeoutMs, idleTokenMs: config.idleTokenTimeoutMs },
  };
}

/** How stacks reach it: each call comes once it is there. */
export function besideEdge(inference: () => InferenceParts): NonNullable<CoreOptions["beside"]> {
  return {
    onStack: (stack) => inference().engines.tell(stack),
    leaving: (slot, how) => inference().engines.leaving(slot, how),
  };
}

/** What a former daemon left is ended, then pools and models are there again; before anybody may ask for something. */
export async function startInference({ desk, requests, catalog, managers }: InferenceParts): Promise<void> {
  await desk.start();
  catalog.load();
  requests.load();
  managers.start();
}

export async function closeInference({ desk, trace, pools, catalog, nodes, managers, client }: InferenceParts): Promise<void> {
  managers.close();
  nodes.close();
  pools.close();
  await Promise.all([desk.close(), catalog.close()]);
  client.close();
  await trace.close();
}

/** Of the file of a model, where the catalog has it. */
function pathOf(catalog: Catalog, ref: string): string | undefined {
  return catalog.look(ref) && catalog.get(ref).path;
}

/** By model, who has it: nodes, pool managers as their replicas are called, and this machine as `local`. */
function holdersOf(pools: Pools, nodes: Nodes): ReadonlyMap<string, ReadonlySet<string>> {
  const holders = new Map<string, Set<string>>();
  const add = (model: string, holder: string): void => void holders.set(model, (holders.get(model) ?? new Set()).add(holder));
  for (const node of nodes.list()) for (const pool of node.pools) for (const model of pool.models_available) add(model, node.node_id);
  for (const { source, models, replicas } of pools.list()) {
    if (source === "api" || source === "stack") for (const model of models) add(model, "local");
    if (source === "manager") for (const { id, models: own = models } of replicas) for (const model of own) add(model, id);
  }
  return holders;
}

function capabilities(config: LoadedConfig["config"]): JsonObject {
  return {
    service: "orco",
    version: VERSION,
    api_version: "v2",
    engines: [...ENGINES],
    workloads: ["completion", "chat", "embedding", "rerank"],
    placement: {
      policies: ["least-loaded", "round-robin", "prefix"],
      default: config.placementPolicy,
      pin: true,
      prefer: true,
      vram_only: true,
    },
    admission: {
      capacity: config.admissionCapacity,
      policy: config.admissionPolicy,
      policies: ["reject", "drop-lru"],
      ageing_ms: config.ageingMs,
    },
    sessions: { ttl_ms: config.sessionTtlMs, max_turns: 8 },
    streams: { sse: true, resume: true, openai: true },
    determinism: ["strict", "best_effort"],
    multi_node: true,
  };
}
