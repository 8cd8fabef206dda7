import { join } from "node:path";
import { createServer, type HttpServer, type ServerOptions } from "./http/server.ts";
import { anonymousWarning, assertSafeBind, type HttpConfig } from "./http/bind.ts";
import type { Services } from "./http/services.ts";
import { StackMetrics } from "./http/stack-metrics.ts";
import { buildApps, deployWorkflows } from "./daemon/apps.ts";
import { buildEdge } from "./daemon/edge.ts";
import type { Apps } from "./deploy/apps.ts";
import { AppRequests } from "./deploy/service.ts";
import { systemClock, type Clock } from "./kernel/clock.ts";
import { describeConfig, loadConfig, type ConfigFlags, type LoadedConfig } from "./kernel/config.ts";
import { boundLog, daemonLog } from "./kernel/daemon-log.ts";
import { messageOf, OrcoError } from "./kernel/errors.ts";
import { makeHome } from "./kernel/home-folder.ts";
import { socketPath } from "./kernel/home.ts";
import { uuidv7 } from "./kernel/id.ts";
import { Journal } from "./kernel/journal.ts";
import { takeLock } from "./kernel/lock.ts";
import { VERSION } from "./kernel/version.ts";
import { stackWorkflows } from "./stack/changes/workflows.ts";
import { assignPorts, prepareLaunch, secretValues } from "./stack/launch.ts";
import { configHash } from "./stack/config-hash.ts";
import { stackSchema } from "./stack/schema.ts";
import { StackRequests } from "./stack/service.ts";
import { Stacks } from "./stack/stacks.ts";
import { StackStore } from "./stack/store.ts";
import { runView, runViews } from "./stack/run-view.ts";
import type { RunView } from "./stack/view.ts";
import { FreePorts, portHolder } from "./supervise/port.ts";
import { LogStore } from "./supervise/logs/store.ts";
import { readStat } from "./supervise/proc.ts";
import { ProcessRuntime } from "./supervise/runtimes/process.ts";
import { Runs } from "./workflow/execute.ts";
import type { RunRow } from "./workflow/run.ts";
import { RunStore } from "./workflow/store.ts";
import { keepTidy } from "./workflow/retention.ts";

interface DaemonOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: ConfigFlags;
  readonly onListening: (url: string) => void;
}

/** The control plane: builds everything once, in order, and serves until a signal or `POST /shutdown`. Throws before it listens. */
export async function runDaemon({ env, flags, onListening }: DaemonOptions): Promise<void> {
  const loaded = loadConfig({ env, flags });
  const { config } = loaded;
  const http = httpConfig(loaded);
  assertSafeBind(http);
  makeHome(config.home);
  const lock = takeLock(join(config.home, "lock"), { pid: process.pid, startTime: readStat(process.pid)?.startTime ?? 0 });
  const clock = systemClock();
  const log = daemonLog(config.logLevel);
  survive(log);
  const failing = { why: undefined as string | undefined };
  const journal = Journal.open({
    path: join(config.home, "orco.db"),
    clock,
    log: (message, facts) => {
      log.warn({ ...facts }, message);
      failing.why = message;
    },
    onCommit: () => (failing.why = undefined),
  });
  const core = buildCore({
    config,
    env,
    clock,
    journal,
    log,
    onError: (error) => log.error({ error: messageOf(error) }, "background work failed"),
  });
  await core.edge.start();
  const restored = await restore(core);
  log.info({ version: VERSION, pid: process.pid, home: config.home, ...restored }, "daemon started");
  await sweepLeftovers(core, (instance, pid) =>
    log.warn({ instance, pid }, "a process of this home belongs to no stack: it is left alone; kill it by hand if it is not wanted"),
  );
  core.runs.resume();
  await core.apps.tidy((app) => core.runs.underWay({ app }).length > 0);
  const stopTidying = keepTidy({
    journal,
    clock,
    log: (message) => log.warn(message),
    eachMinute: () => boundLog(join(config.home, "daemon.log")),
  });

  const done = Promise.withResolvers<void>();
  const services = servicesOf(core, { journal, loaded, http, journalFailure: () => failing.why, onShutdown: () => done.resolve() });
  const server = listen({
    services,
    config: http,
    clock,
    log: (record) => log.info(record, "request"),
    onError: (requestId, error) => log.error({ request_id: requestId, error: messageOf(error) }, "request failed after its answer"),
    collect: async () => [...core.metrics.families(services.stacks, core.logs.counters()), ...(await core.edge.families())],
    schemas: { stack: stackSchema },
  });
  const warning = anonymousWarning(http);
  if (warning !== undefined) log.warn(warning);
  onListening(server.urls.at(-1) ?? socketPath(config.home));

  process.once("SIGTERM", () => done.resolve());
  process.once("SIGINT", () => done.resolve());
  process.on("SIGHUP", () => undefined);
  await done.promise;
  log.info("daemon stops; services go on");
  stopTidying();
  core.runs.abandon();
  core.stacks.close();
  core.apps.close();
  core.edge.close();
  core.runtime.close();
  await server.close();
  core.logs.close();
  journal.close();
  lock.release();
}

/** Nobody starts a daemon again that a defect in one corner has ended: it is logged, and supervision goes on. */
function survive(log: ReturnType<typeof daemonLog>): void {
  const told = (error: unknown): void =>
    log.error({ error: messageOf(error), stack: error instanceof Error ? error.stack : undefined }, "defect");
  process.on("unhandledRejection", told);
  process.on("uncaughtException", told);
}

/** Names who holds the port when it is taken. */
function listen(options: ServerOptions): HttpServer {
  try {
    return createServer(options);
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "port_in_use") throw error;
    const port = Number(error.facts["port"]);
    const holder = portHolder(port);
    const by = holder?.pid === undefined ? "another process" : `pid ${holder.pid} (${holder.command})`;
    throw new OrcoError(
      "port_in_use",
      `${String(error.facts["address"])} is held by ${by}; stop it, or choose another address: ORCHD_BIND_ADDR=127.0.0.1:7071`,
      {
        ...error.facts,
        ...holder,
      },
    );
  }
}

interface CoreOptions {
  readonly config: LoadedConfig["config"];
  readonly log: ReturnType<typeof daemonLog>;
  readonly env: DaemonOptions["env"];
  readonly clock: Clock;
  readonly journal: Journal;
  readonly onError: (error: unknown) => void;
}

function buildCore({ config, env, clock, journal, log, onError }: CoreOptions) {
  const { home } = config;
  const newId = (): string => uuidv7(clock);
  const instances = join(home, "instances");
  const metrics = new StackMetrics();
  const freePorts = new FreePorts();
  const logs = new LogStore({ root: join(home, "logs"), clock, onError });
  const runtime = new ProcessRuntime({ home, clock });
  const edge = buildEdge({
    home,
    clock,
    log: (message, facts) => log.warn(facts, message),
    trustedProxies: config.trustedProxies,
    memoryMib: config.edgeMemoryMib,
    ...(config.accessLog !== undefined && { accessLog: config.accessLog }),
  });
  const stacks = new Stacks({
    clock,
    runtime,
    logs,
    newId,
    traffic: edge,
    store: new StackStore(journal, clock, onError),
    assign: (spec) => assignPorts(spec, freePorts),
    prepare: (request) => prepareLaunch(request, { instances, daemonEnv: env }),
    secretsOf: (spec) => secretValues(spec, env),
    configHash,
    onProbe: (slot, probe, latencyMs) => metrics.probed(slot, probe, latencyMs),
    onTransition: (slot) => slot.state === "Starting" && slot.restarts > 0 && metrics.restarted(slot),
    onUpdate: (outcome) => metrics.updated(outcome),
  });
  const apps: Apps = buildApps({
    home,
    env,
    clock,
    journal,
    runtime,
    logs,
    newId,
    traffic: edge,
    address: config.edgeAddress,
    onSlot: (app, slot) => appRequests.watch(app, slot),
    onError,
  });
  const workflows = { ...stackWorkflows(stacks), ...deployWorkflows(apps) };
  const runs = new Runs({ store: new RunStore(journal), clock, newId, workflows, onError });
  const appRequests = new AppRequests(apps, runs);
  return { metrics, logs, runtime, edge, stacks, apps, runs, requests: new StackRequests(stacks, runs), appRequests };
}

/** Adopts what runs; then the edge forgets the fronts that belong to nobody any more. */
async function restore({ stacks, apps, edge }: ReturnType<typeof buildCore>): Promise<{ adopted: number; lost: number }> {
  const [ofStacks, ofApps] = await Promise.all([stacks.restore(), apps.restore()]);
  await edge.prune((id) => ofStack(id, stacks.names()) || apps.owns(id));
  return { adopted: ofStacks.adopted + ofApps.adopted, lost: ofStacks.lost + ofApps.lost };
}

function ofStack(front: string, stacks: readonly string[]): boolean {
  const [kind, name = ""] = front.split("/");
  return kind === "stack" && stacks.includes(name);
}

/** Folders of instances that no slot knows: what ended is cleaned away, what runs is only named. */
async function sweepLeftovers(
  { runtime, stacks, apps }: ReturnType<typeof buildCore>,
  onRunning: (instance: string, pid: number) => void,
): Promise<void> {
  const known = stacks.instances().union(apps.instances());
  for (const instance of runtime.instances().filter((name) => !known.has(name))) {
    const found = await runtime.adopt(instance);
    if (found.kind === "running") onRunning(instance, found.handle.identity.pid);
    else await runtime.forget(instance);
  }
}

interface ServicesOptions {
  readonly journal: Journal;
  readonly loaded: LoadedConfig;
  readonly http: HttpConfig;
  readonly journalFailure: () => string | undefined;
  readonly onShutdown: () => void;
}

function servicesOf({ stacks, apps, edge, runs, requests, appRequests }: ReturnType<typeof buildCore>, options: ServicesOptions): Services {
  const { journal, loaded, http } = options;
  const viewOf = (row: RunRow): RunView => runView(row, runs.steps(row.id));
  return {
    stacks: {
      put: (name, body, how) => requests.put(name, body, how),
      plan: (name, body) => requests.plan(name, body),
      remove: (name, how) => requests.remove(name, how),
      act: (request) => requests.act(request),
      list: () => stacks.list(),
      get: (name, how) => stacks.get(name, how),
      graph: (name) => stacks.graph(name),
      logs: (name, request) => stacks.logs(name, request),
    },
    apps: {
      nameOf: (name) => appRequests.nameOf(name),
      put: (name, body) => appRequests.put(name, body),
      list: () => appRequests.list(),
      get: (name) => appRequests.get(name),
      remove: (name) => appRequests.remove(name),
      status: (name) => appRequests.status(name),
      releases: (name, page) => appRequests.releases(name, page),
      logs: (name, request) => appRequests.logs(name, request),
      deploy: async (name, ref) => viewOf(await appRequests.deploy(name, ref)),
      rollback: async (name) => viewOf(await appRequests.rollback(name)),
    },
    runs: runViews(runs),
    journal,
    ready: () => {
      const why = options.journalFailure();
      const warning = anonymousWarning(http);
      return [{ name: "journal", ok: why === undefined, detail: why ?? "writable", ...(warning !== undefined && { warning }) }];
    },
    config: () => describeConfig(loaded),
    shutdown: async () => {
      const downs = await Promise.all(stacks.names().map((name) => requests.remove(name, {})));
      await Promise.all(downs.map(({ id }) => runs.settled(id)));
      await apps.stopAll();
      await edge.shutdown();
      options.onShutdown();
    },
  };
}

function httpConfig({ config }: LoadedConfig): HttpConfig {
  return {
    socket: socketPath(config.home),
    bind: config.bind,
    ...(config.apiKey !== undefined && { apiKey: config.apiKey }),
    allowAnonymous: config.allowAnonymous,
    corsOrigins: config.corsOrigins,
    rateLimit: { windowMs: config.rateLimitWindowMs, max: config.rateLimitMax },
    version: VERSION,
  };
}
