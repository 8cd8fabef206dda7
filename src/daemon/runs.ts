import type { Clock } from "../kernel/clock.ts";
import type { LoadedConfig } from "../kernel/config.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { Journal } from "../kernel/journal.ts";
import { Artifacts } from "../runs/artifacts.ts";
import { Book } from "../runs/book.ts";
import { RunCatalogue } from "../runs/catalogue.ts";
import { RunLogs } from "../runs/logs/run-logs.ts";
import { parsePlan } from "../runs/plan-schema.ts";
import { RUN } from "../runs/record.ts";
import { newRun, RunRequestBody } from "../runs/request.ts";
import type { RedisDispatcher } from "../runs/redis/dispatcher.ts";
import { homeId, queueName } from "../runs/redis/names.ts";
import type { FireAnswer } from "../runs/schedules/fire.ts";
import type { ScheduleOf } from "../runs/schedules/record.ts";
import { Schedules } from "../runs/schedules/schedules.ts";
import { Retention } from "../runs/retention.ts";
import { runTokenSecret } from "../runs/token.ts";
import { RunTraces } from "../runs/traces.ts";
import { assertWebhookUrl } from "../runs/webhook-url.ts";
import { Webhooks } from "../runs/webhooks.ts";
import { Drivers } from "./drivers.ts";
import { RunSteps } from "./run-steps.ts";

export interface RunPartsOptions {
  readonly config: LoadedConfig["config"];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly newId: () => string;
  /** A time of a schedule that a stack declares has come. Resolves when its run is on disk. */
  readonly onScheduled: (owner: ScheduleOf, run: string) => Promise<FireAnswer>;
  /** How workers and steps reach this daemon; known when it listens. */
  readonly apiUrl: () => string;
  readonly log: (message: string, facts?: Readonly<Record<string, unknown>>) => void;
  readonly onError: (error: unknown) => void;
}

/** Everything about plans and workers, wired. */
export type RunParts = Awaited<ReturnType<typeof buildRuns>>;

export async function buildRuns(options: RunPartsOptions) {
  const { config, env, clock, journal, newId, onError, log } = options;
  const catalogue = new RunCatalogue(journal);
  const logs = new RunLogs({ home: config.home, clock, hasEnded: (id) => hasEnded(book, id), secrets: secretsOf(config), onError });
  const artifacts = new Artifacts(config.home);
  const steps = new RunSteps({ config, env, clock, log });
  const traces = config.otlpEndpoint === undefined ? undefined : new RunTraces({ journal, clock, endpoint: config.otlpEndpoint, onError });
  const drivers = new Drivers({
    clock,
    newId,
    runnerOf: (mode) => steps.of(mode),
    maxSteps: config.maxSteps,
    apiUrl: options.apiUrl,
    stepContext: traces && ((run, step, attempt) => traces.stepContext(run, step, attempt)),
    onError,
  });
  const { redis, queue } = await redisOf(options, (id, from) => book.redispatch(id, from));
  const webhookUrl = (url: string): string => assertWebhookUrl(url, config.webhookAllow);
  const checks = { parsePlan, webhookUrl, isSet: (variable: string) => Boolean(env[variable]) };
  const book: Book = new Book({
    journal,
    clock,
    newId,
    onError,
    leaseMs: config.leaseMs,
    maxRuns: config.maxRuns,
    tokenSecret: await runTokenSecret(journal),
    checks,
    dispatchers: { k8s: steps.k8s, ...(redis && { redis }) },
    onDrive: (run) => drivers.drive(book, run),
    onEnd: ({ id, mode }) => {
      logs.end(id);
      steps.of(mode).forget(id).catch(onError);
    },
    onLog: (run, lines) => logs.append(run, lines),
  });
  const schedules = new Schedules({
    journal,
    clock,
    newId,
    onError,
    check: (request, mode) => void newRun(request, { run: newId(), mode }, checks),
    fire: async ({ run, of, ...how }) => {
      if (of) return options.onScheduled(of, how.id);
      await book.create(RunRequestBody.parse(run), how);
      return {};
    },
  });
  schedules.load();
  const view = (id: string) => found(() => catalogue.get(id));
  const webhooks = new Webhooks({ journal, clock, env, allow: config.webhookAllow, view, log, onError });
  const retention = new Retention({
    journal,
    clock,
    keepDays: config.runsKeepDays,
    keep: config.runsKeep,
    onForget: (ids) => {
      for (const id of ids) {
        logs.remove(id);
        artifacts.remove(id);
      }
    },
    log,
  });
  return { book, catalogue, logs, artifacts, steps, redis, queue, drivers, schedules, webhooks, retention, traces, checks };
}

/** Taken out of the logs of runs. */
function secretsOf({ apiKey }: RunPartsOptions["config"]): string[] {
  return apiKey === undefined ? [] : [apiKey];
}

function hasEnded(book: Book, id: string): boolean {
  const run = found(() => book.get(id));
  return run === undefined || RUN.isFinal(run.status);
}

function isKnown(book: Book, id: string): boolean {
  return found(() => book.get(id)) !== undefined;
}

/** Undefined where there is none. */
function found<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof OrcoError && error.code === "not_found") return undefined;
    throw error;
  }
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

/** Goes on with what a former daemon left, once it is known where the daemon listens. What awaits comes last: no request must come before the book has begun. */
export async function startRuns(
  { book, artifacts, steps, redis, schedules, webhooks, retention, traces }: RunParts,
  isOfOthers: (run: string) => boolean,
): Promise<void> {
  book.start();
  artifacts.sweep((id) => isKnown(book, id) || isOfOthers(id));
  void steps.sweep((id) => !hasEnded(book, id));
  schedules.start();
  webhooks.start();
  retention.start();
  traces?.start();
  await redis?.start();
}

/** Lets go; what runs goes on. */
export async function closeRuns({ book, drivers, steps, redis, schedules, webhooks, retention, traces, logs }: RunParts): Promise<void> {
  retention.stop();
  await Promise.all([schedules.close(), webhooks.close()]);
  drivers.close();
  book.close();
  steps.close();
  redis?.close();
  await traces?.close();
  logs.close();
}
