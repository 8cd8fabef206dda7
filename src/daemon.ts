import { join } from "node:path";
import { besideEdge, buildInference, closeInference, startInference } from "./daemon/inference.ts";
import { buildCore, type Core, restore, sweepContainers, sweepLeftovers } from "./daemon/core.ts";
import { buildRepair } from "./daemon/repair.ts";
import { buildRuns, closeRuns, type RunPartsOptions, startRuns } from "./daemon/runs.ts";
import { servicesOf } from "./daemon/services.ts";
import { stackSchedules } from "./daemon/stack-schedules.ts";
import { contractSchema } from "./deploy/contract-schema.ts";
import { addressText, anonymousWarning, assertSafeBind, type HttpConfig } from "./http/bind.ts";
import { listenForMetrics, type MetricsListener } from "./http/metrics-listener.ts";
import { RunMetrics } from "./http/run-metrics.ts";
import { createServer, type HttpServer, type ServerOptions } from "./http/server.ts";
import { type Clock, systemClock } from "./kernel/clock.ts";
import { type LoadedConfig, loadConfig } from "./kernel/config.ts";
import type { ConfigFlags } from "./kernel/config-setting.ts";
import { boundLog, type daemonLog, daemonLogs } from "./kernel/daemon-log.ts";
import { messageOf, OrcoError } from "./kernel/errors.ts";
import { uuidv7 } from "./kernel/id.ts";
import type { Write } from "./kernel/event.ts";
import { makeHome } from "./kernel/home-folder.ts";
import { socketPath } from "./kernel/home.ts";
import { Journal } from "./kernel/journal.ts";
import { Reserve } from "./kernel/reserve.ts";
import { takeLock } from "./kernel/lock.ts";
import { VERSION } from "./kernel/version.ts";
import { stackSchema } from "./stack/schema.ts";
import { portHolder } from "./supervise/port.ts";
import { readStat } from "./supervise/proc.ts";
import { keepTidy } from "./workflow/retention.ts";

interface DaemonOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: ConfigFlags;
  readonly onListening: (url: string) => void;
}

const TRY_MS = 1000;
const TRY: Write = { sql: "INSERT INTO meta (key, value) VALUES ('written', '') ON CONFLICT (key) DO UPDATE SET value = ''", params: [] };

const STRAY = "a process or container of this home belongs to no stack and no app: it is left alone; kill it by hand if it is not wanted";

/** The control plane: builds everything once, in order, and serves until a signal or `POST /shutdown`. Throws before it listens. */
export async function runDaemon({ env, flags, onListening }: DaemonOptions): Promise<void> {
  const loaded = loadConfig({ env, flags });
  const { config } = loaded;
  const http = httpConfig(loaded);
  assertSafeBind(http);
  makeHome(config.home);
  const lock = takeLock(join(config.home, "lock"), { pid: process.pid, startTime: readStat(process.pid)?.startTime ?? 0 });
  const clock = systemClock();
  const { log, later } = daemonLogs(config.logLevel);
  survive(log);
  const { journal, metrics } = openJournal(config.home, { clock, log });
  const reserve = new Reserve({ home: config.home, clock, secure: (bytes, free) => journal.secure(bytes, free) });
  reserve.keep();
  const onError = (error: unknown): void => log.error({ error: messageOf(error) }, "background work failed");
  const address = { url: config.publicUrl };
  const apiUrl = (): string => address.url ?? `http://${addressText(config.bind)}`;
  const tell = (message: string, facts: object = {}): void => log.warn(facts, message);
  const parts = { config, env, clock, journal, newId: () => uuidv7(clock), onError };
  const onScheduled: RunPartsOptions["onScheduled"] = (owner, run) => core.scheduled.fire({ ...owner, run });
  const runParts = await buildRuns({ ...parts, onScheduled, apiUrl, log: tell });
  const beside = besideEdge(() => inference);
  const repair = buildRepair({ ...parts, runs: () => core.runs, side: () => core, log: tell });
  const core: Core = buildCore({ ...parts, log, reserve, schedules: stackSchedules(runParts.schedules), beside, more: repair });
  const inference = buildInference({ ...parts, log, taskLog: later, core });
  await core.edge.start();
  const restored = await restore(core);
  await sweepLeftovers(core, (instance, pid) => tell(STRAY, { instance, pid }));
  sweepContainers(core, (container, name) => tell(STRAY, { container, name })).catch(onError);
  core.runs.resume();
  repair.start();
  core.apps.tidy((app) => core.runs.underWay({ app }).length > 0);
  const stopTidying = keepTidy({ journal, clock, log: tell, eachMinute: () => boundLog(join(config.home, "daemon.log")) });
  await startInference(inference);
  const done = Promise.withResolvers<void>();
  const services = servicesOf(core, { journal, clock, runParts, inference, repair, loaded, http, reserve, onShutdown: done.resolve });
  const server = listen({
    services,
    config: { ...http, ...(runParts.queue !== undefined && { queue: runParts.queue }) },
    clock,
    log: (record) => later.info(record, "request"),
    onError: (requestId, error) => log.error({ request_id: requestId, error: messageOf(error) }, "request failed after its answer"),
    collect: async () => [
      ...core.metrics.families(services.stacks, core.logs.counters()),
      ...[metrics, inference.meter, repair].flatMap((one) => one.families()),
      ...(await core.edge.families()),
    ],
    schemas: { stack: stackSchema, contract: contractSchema },
  });
  address.url ??= server.urls.at(-1);
  log.info({ version: VERSION, pid: process.pid, home: config.home, ...restored }, "daemon started");
  await startRuns(runParts, repair.knows);
  const scrape = metricsListener(config, server);
  const warning = anonymousWarning(http);
  if (warning !== undefined) log.warn(warning);
  onListening(server.urls.at(-1) ?? socketPath(config.home));
  await leaving(done);
  log.info("daemon stops; services go on");
  stopTidying();
  reserve.close();
  repair.leave();
  release(core);
  await closeRuns(runParts);
  await closeInference(inference);
  await repair.close();
  await scrape?.close();
  await server.close();
  core.logs.close();
  journal.close();
  lock.release();
}

/** Resolves when the daemon is asked to leave. */
async function leaving(done: PromiseWithResolvers<void>): Promise<void> {
  process.once("SIGTERM", () => done.resolve());
  process.once("SIGINT", () => done.resolve());
  process.on("SIGHUP", () => undefined);
  await done.promise;
}

function metricsListener({ bind, metricsPort: port }: LoadedConfig["config"], server: HttpServer): MetricsListener | undefined {
  return port === undefined ? undefined : listenForMetrics({ ...bind, port }, () => server.families());
}

function openJournal(home: string, { clock, log }: { clock: Clock; log: ReturnType<typeof daemonLog> }) {
  let trying = false;
  const journal: Journal = Journal.open({
    path: join(home, "orco.db"),
    clock,
    log: (message, facts) => log.warn({ ...facts }, message),
    onFailure: () => {
      if (trying) return;
      trying = true;
      void tryAgain(journal, clock).finally(() => (trying = false));
    },
    onCommit: (committed) => metrics.committed(committed),
  });
  const metrics = new RunMetrics(journal, (error) => log.error({ error: messageOf(error) }, "metrics of runs"));
  return { journal, metrics };
}

/** Where nothing else is to be written, somebody has to find out that it can be again. */
async function tryAgain(journal: Journal, clock: Clock): Promise<void> {
  while (journal.failure()) {
    await clock.sleep(TRY_MS);
    await journal.append([], [TRY]).catch(() => undefined); // `failure` tells
  }
}

/** Lets go of what runs; it goes on. */
function release({ runs, stacks, execs, apps, edge, runtime, docker }: Core): void {
  runs.abandon();
  execs.close();
  stacks.close();
  apps.close();
  edge.close();
  runtime.close();
  docker.close();
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
