import { anonymousWarning, type HttpConfig } from "../http/bind.ts";
import type { Services } from "../http/services.ts";
import { verifyAudit } from "../kernel/audit-verify.ts";
import type { Clock } from "../kernel/clock.ts";
import { describeConfig, type LoadedConfig } from "../kernel/config.ts";
import type { Journal } from "../kernel/journal.ts";
import type { Reserve } from "../kernel/reserve.ts";
import { Engine } from "../supervise/docker/engine.ts";
import { runView } from "../workflow/run-view.ts";
import type { RunView } from "../workflow/view.ts";
import type { RunRow } from "../workflow/run.ts";
import type { Core } from "./core.ts";
import { DockerCheck } from "./docker-check.ts";
import { runService } from "./run-service.ts";
import type { InferenceParts } from "./inference.ts";
import type { RepairParts } from "./repair.ts";
import type { RunParts } from "./runs.ts";

interface ServicesOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly runParts: RunParts;
  readonly inference: InferenceParts;
  readonly repair: RepairParts;
  readonly loaded: LoadedConfig;
  readonly http: HttpConfig;
  readonly reserve: Reserve;
  readonly onShutdown: () => void;
}

/** The daemon as the HTTP layer sees it. */
export function servicesOf({ stacks, execs, edge, runs, requests, appRequests }: Core, options: ServicesOptions): Services {
  const { journal, loaded, http, runParts, reserve, repair, clock } = options;
  const docker = new DockerCheck({
    engine: new Engine(loaded.config.dockerHost),
    clock,
    isWanted: () => loaded.origins.dockerHost !== "default" || repair.hasProjects() || stacks.haveContainers(),
  });
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
    execs,
    inference: options.inference.service,
    repair: repair.service,
    audit: { list: (page) => repair.audit.list(page), verify: () => verifyAudit((sql, params) => journal.query(sql, params)) },
    apps: {
      nameOf: (name) => appRequests.nameOf(name),
      put: (name, body) => appRequests.put(name, body),
      list: () => appRequests.list(),
      get: (name) => appRequests.get(name),
      remove: (name) => reserve.takingDown(() => appRequests.remove(name)),
      status: (name) => appRequests.status(name),
      releases: (name, page) => appRequests.releases(name, page),
      logs: (name, request) => appRequests.logs(name, request),
      deploy: async (name, ref, how) => viewOf(await appRequests.deploy(name, ref, how)),
      rollback: async (name, how) => viewOf(await appRequests.rollback(name, how)),
    },
    runs: runService(runs, runParts, { ...repair.service, knows: repair.knows }),
    schedules: {
      create: (body, { owner, id }) => runParts.schedules.create(body, owner, id),
      list: (page) => runParts.schedules.list(page),
      get: (id) => runParts.schedules.get(id),
      remove: (id) => runParts.schedules.remove(id),
    },
    journal,
    ready: async () => {
      const why = journal.failure()?.message;
      const warning = anonymousWarning(http);
      const checks = [{ name: "journal", ok: why === undefined, detail: why ?? "writable", ...(warning !== undefined && { warning }) }];
      return [...checks, ...(runParts.redis ? [runParts.redis.check()] : []), runParts.steps.k8s.check(), ...(await docker.checks())];
    },
    config: () => describeConfig(loaded),
    shutdown: async () => {
      const downs = await Promise.all(stacks.names().map((name) => requests.remove(name, {})));
      await Promise.all(downs.map(({ id }) => runs.settled(id)));
      await reserve.takingDown(() => appRequests.stopAll());
      await reserve.takingDown(() => edge.shutdown());
      options.onShutdown();
    },
  };
}
