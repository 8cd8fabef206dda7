import type { Clock } from "../kernel/clock.ts";
import type { LoadedConfig } from "../kernel/config.ts";
import { messageOf } from "../kernel/errors.ts";
import type { Journal } from "../kernel/journal.ts";
import { Artifacts } from "../runs/artifacts.ts";
import { Book } from "../runs/book.ts";
import { RunCatalogue } from "../runs/catalogue.ts";
import { KubeRunner } from "../runs/k8s/runner.ts";
import { ContainerSteps } from "../runs/local/container-step.ts";
import { httpSteps } from "../runs/local/http-step.ts";
import { LocalRunner } from "../runs/local/runner.ts";
import { RunLogs } from "../runs/logs/run-logs.ts";
import { parsePlan } from "../runs/plan-schema.ts";
import type { StepRunner } from "../runs/ports.ts";
import type { RunRecord } from "../runs/record.ts";
import { newRun, RunRequestBody } from "../runs/request.ts";
import type { RedisDispatcher } from "../runs/redis/dispatcher.ts";
import { homeId, queueName } from "../runs/redis/names.ts";
import { Schedules } from "../runs/schedules/schedules.ts";
import { runTokenSecret } from "../runs/token.ts";
import { RunTraces } from "../runs/traces.ts";
import { assertWebhookUrl } from "../runs/webhook-url.ts";
import { Webhooks } from "../runs/webhooks.ts";
import { Engine } from "../supervise/docker/engine.ts";
import { Drivers } from "./drivers.ts";

interface RunPartsOptions {
  readonly config: LoadedConfig["config"];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly newId: () => string;
  /** How workers and steps reach this daemon; known when it listens. */
  readonly apiUrl: () => string;
  readonly log: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
  readonly onError: (error: unknown) => void;
}

/** Everything about plans and workers, wired. */
export type RunParts = Awaited<ReturnType<typeof buildRuns>>;

export async function buildRuns(options: RunPartsOptions) {
  const { config, env, clock, journal, newId, onError, log } = options;
  const { home } = config;
  const catalogue = new RunCatalogue(journal);
  const hasEnded = (id: string): boolean => isEnded(catalogue.get(id).status);
  const secrets = [config.apiKey].filter((secret) => secret !== undefined);
  const logs = new RunLogs({ home, clock, hasEnded, secrets, onError });
  const artifacts = new Artifacts(home);
  const startHttp = httpSteps();
  const containers = new ContainerSteps({ engine: new Engine(config.dockerHost), clock, home });
  const local = new LocalRunner({ home, clock, env, containers, startHttp });
  const http: StepRunner = { start: startHttp, adopt: async () => undefined, forget: async () => undefined };
  const { kubeNamespace: namespace, kubeImage: image } = config;
  const k8s = new KubeRunner({ env, namespace, image, home, clock, http, trouble: (message) => log(message) });
  const traces = config.otlpEndpoint === undefined ? undefined : new RunTraces({ journal, clock, endpoint: config.otlpEndpoint, onError });
  const drivers = new Drivers({
    clock,
    newId,
    runners: { local, k8s },
    maxSteps: config.maxSteps,
    apiUrl: options.apiUrl,
    stepContext: traces && ((run, step, attempt) => traces.stepContext(run, step, attempt)),
    onError,
  });
  const { redis, queue } = await redisOf(options, (id, from) => book.redispatch(id, from));
  const checks = { parsePlan, webhookUrl: (url: string) => assertWebhookUrl(url, config.webhookAllow) };
  const book: Book = new Book({
    journal,
    clock,
    newId,
    onError,
    leaseMs: config.leaseMs,
    maxRuns: config.maxRuns,
    tokenSecret: await runTokenSecret(journal),
    checks,
    dispatchers: { k8s, ...(redis && { redis }) },
    onDrive: (run) => drivers.drive(book, run),
    onEnd: (run) => void ended(run),
    onLog: (run, lines) => logs.append(run, lines),
  });
  const ended = async ({ id, mode }: RunRecord): Promise<void> => {
    logs.end(id);
    await (mode === "k8s" ? k8s : local).forget(id).catch(onError);
  };
  const schedules = new Schedules({
    journal,
    clock,
    newId,
    onError,
    check: (request, mode) => void newRun(request, { run: newId(), mode }, checks),
    fire: ({ run, ...how }) => book.create(RunRequestBody.parse(run), how),
  });
  const view = (id: string) => {
    try {
      return catalogue.get(id);
    } catch (error) {
      log(`a webhook's run is gone: ${messageOf(error)}`);
      return undefined;
    }
  };
  const webhooks = new Webhooks({ journal, clock, env, allow: config.webhookAllow, view, onError });
  return { book, catalogue, logs, artifacts, local, containers, k8s, redis, queue, drivers, schedules, webhooks, traces, checks };
}

/** Loaded where it is used: BullMQ costs 30 MB. */
async function redisOf(
  { config, apiUrl, journal, clock, log }: RunPartsOptions,
  redispatch: (id: string, from: number) => Promise<void>,
): Promise<{ readonly redis?: RedisDispatcher; readonly queue?: string }> {
  const { redisUrl: url } = config;
  if (url === undefined) return {};
  const loaded = await import("../runs/redis/dispatcher.ts");
  const queue = queueName(await homeId(journal));
  return { queue, redis: new loaded.RedisDispatcher({ url, queue, apiUrl, journal, clock, redispatch, log }) };
}

/** Goes on with what a former daemon left, once it is known where the daemon listens. */
export async function startRuns({ book, redis, schedules, webhooks, traces }: RunParts): Promise<void> {
  book.start();
  await redis?.start();
  schedules.start();
  webhooks.start();
  traces?.start();
}

/** Lets go; what runs goes on. */
export async function closeRuns(parts: RunParts): Promise<void> {
  const { book, drivers, local, containers, k8s, redis, schedules, webhooks, traces, logs } = parts;
  drivers.close();
  book.close();
  local.close();
  containers.close();
  k8s.close();
  redis?.close();
  await Promise.all([schedules.close(), webhooks.close(), traces?.close()]);
  logs.close();
}

function isEnded(status: string): boolean {
  return status === "completed" || status === "failed" || status === "canceled";
}
