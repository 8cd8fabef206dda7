import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { type Clock, systemClock } from "./kernel/clock.ts";
import { daemonLog } from "./kernel/daemon-log.ts";
import { type Facts, messageOf, OrcoError } from "./kernel/errors.ts";
import type { JobData } from "./runs/redis/queue.ts";
import { daemonQueue } from "./worker/daemon-queue.ts";
import { startGuard } from "./worker/guard.ts";
import { lockWorker, takeWorkerHome } from "./worker/home.ts";
import { Jobs } from "./worker/jobs.ts";
import { workOn } from "./worker/one-run.ts";
import { stepsOf } from "./worker/steps.ts";

export interface WorkerOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** $ORCO_HOME. */
  readonly home: string;
  readonly redis: string;
  /** Base URL of the daemon. */
  readonly api: string;
  readonly key?: string;
  readonly name?: string;
  /** Runs at once. */
  readonly concurrency: number;
  /** How long runs under way may take to end after a polite signal. */
  readonly graceMs: number;
  readonly logLevel: string;
  /** Aborts at the first SIGTERM or SIGINT: no more runs. */
  readonly stop: AbortSignal;
  /** At the second: runs under way are let go of at once. */
  readonly hurry: AbortSignal;
  readonly onReady: (line: string) => void;
}

/** A worker of runs of mode redis. Resolves when it was told to stop and nothing of it runs any more; `unauthorized` when the daemon refuses its key. */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const clock = systemClock();
  const log = daemonLog(options.logLevel);
  const home = await unlessStopped(options.stop, takeWorkerHome({ home: options.home, name: options.name, clock, signal: options.stop }));
  if (home === undefined) return;
  const onError = (error: unknown): void => log.warn({ error: messageOf(error) }, "a run has trouble");
  const steps = stepsOf({ home: home.folder, env: options.env, clock, onError });
  const left = await steps.sweep();
  if (left > 0) log.warn({ processes: left }, "a former worker left steps, which were ended");
  const dismissGuard = startGuard(home.folder, options.env);
  try {
    const { api: url, key, stop } = options;
    const warn = (message: string, facts: Facts): void => log.warn(facts, message);
    const queue = await unlessStopped(stop, daemonQueue({ url, ...(key !== undefined && { key }), clock, warn }, stop));
    if (queue !== undefined) await serve(options, { clock, log, queue, steps, name: options.name ?? `${hostname()}/${home.slot}` });
  } finally {
    dismissGuard();
    steps.close();
    home.lock.release();
  }
}

/** Undefined when the worker is told to stop before. */
async function unlessStopped<T>(stop: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  }
}

interface Site {
  readonly clock: Clock;
  readonly log: ReturnType<typeof daemonLog>;
  readonly queue: string;
  readonly steps: ReturnType<typeof stepsOf>;
  readonly name: string;
}

async function serve(options: WorkerOptions, { clock, log, queue, steps, name }: Site): Promise<void> {
  const { redis, api, key, concurrency, stop, hurry, graceMs } = options;
  const handBack = new AbortController();
  const refused = Promise.withResolvers<void>();
  const under = new Under();
  const { runner, drive } = steps;
  const told = { log: (message: string, facts: Facts) => log.info(facts, message), handBack: handBack.signal };
  const oneRun = { api, ...(key !== undefined && { key }), name, clock, runner, drive, ...told };
  const work = async (job: JobData): Promise<void> => {
    try {
      await under.way(workOn(job, oneRun));
    } catch (error) {
      log.error({ run: job.runId, error: messageOf(error) }, "run not carried through");
      if (error instanceof OrcoError && error.code === "unauthorized") refused.reject(error);
      throw error;
    }
  };
  const jobs = new Jobs({ url: redis, queue, name, concurrency, clock, work, log: (message, facts) => log.warn(facts, message) });
  await jobs.start();
  options.onReady(`worker ${name} takes runs of ${api}`);
  log.info({ worker: name, queue, concurrency, pid: process.pid }, "worker started");
  try {
    await Promise.race([aborted(stop), refused.promise]);
  } finally {
    jobs.stopTaking();
    log.info({ runs: under.count }, "worker stops");
    await Promise.race([under.none(), clock.sleep(graceMs, hurry).catch(() => undefined)]);
    handBack.abort(new OrcoError("cancelled", "the worker stops"));
    await under.none();
    await jobs.close();
  }
}

/** What is under way. */
class Under {
  private readonly works = new Set<Promise<void>>();

  get count(): number {
    return this.works.size;
  }

  async way(work: Promise<void>): Promise<void> {
    this.works.add(work);
    try {
      await work;
    } finally {
      this.works.delete(work);
    }
  }

  async none(): Promise<void> {
    while (this.works.size > 0) await Promise.allSettled(this.works);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Ends what a worker that died left in its folder; does nothing while another worker has it, or where it was removed. Started by the worker's guard. */
export async function sweepWorker(folder: string, env: WorkerOptions["env"]): Promise<void> {
  if (!existsSync(folder)) return;
  try {
    const lock = lockWorker(folder);
    const steps = stepsOf({ home: folder, env, clock: systemClock(), onError: () => undefined });
    await steps.sweep();
    steps.close();
    lock.release();
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "already_running") throw error;
  }
}
