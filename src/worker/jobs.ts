import { type IRedisClient, type Job, WaitingError } from "bullmq";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { messageOf, type Facts } from "../kernel/errors.ts";
import { RedisLink } from "../runs/redis/link.ts";
import type { JobData } from "../runs/redis/queue.ts";
import { CalmWorker } from "./calm-worker.ts";

interface JobsOptions {
  readonly url: string;
  readonly queue: string;
  /** As Redis shows it. */
  readonly name: string;
  readonly concurrency: number;
  readonly clock: Clock;
  /** The job is done when it resolves; one that rejects has failed, and its run is dispatched anew if it still waits. */
  readonly work: (job: JobData) => Promise<void>;
  readonly log: (message: string, facts: Facts) => void;
}

/**
 * A job whose worker is silent for so long has failed. It says nothing about a run that was claimed: that is decided by its lease. It is short for the sake
 * of those that a worker took and died before it claimed them: nobody else starts them meanwhile.
 */
const LOCK_MS = 5000;
const STALLED_EVERY_MS = 2500;
const RETRY_MS = 1000;
/** An idle worker is woken by a word that only one gets: when that one has just died, the others look by themselves. */
const LOOK_EVERY_S = 2;
const MAX_SAID = 50;
const SETTLED_MS = 100;

/** Jobs of one queue, as many at once as there is room for. BullMQ retries nothing: a job is only the word that a run waits. */
export class Jobs {
  private readonly link: RedisLink;
  private worker: CalmWorker<JobData> | undefined;
  /** Of the queue, since Redis answers. */
  private readonly said = new Set<string>();
  private cancel: CancelTimer = () => undefined;
  private stopping = false;

  constructor(private readonly options: JobsOptions) {
    const { url, clock, log } = options;
    this.link = new RedisLink({ url, clock, log, onUp: (client) => void this.open(client) });
  }

  /** Resolves after the first attempt to connect. Never rejects. */
  start(): Promise<void> {
    return this.link.start();
  }

  /** Takes no more; what is under way goes on. */
  stopTaking(): void {
    this.stopping = true;
    this.cancel();
    // Ends the wait for the next job, and the loop when those under way have ended.
    this.worker?.close().catch((error: unknown) => this.failed(error));
  }

  /** Waits for nothing: jobs under way should have ended. */
  async close(): Promise<void> {
    this.stopping = true;
    this.cancel();
    await this.link.ask(this.worker?.close() ?? Promise.resolve()).catch(() => undefined);
    this.link.close();
  }

  private async open(client: IRedisClient): Promise<void> {
    this.said.clear();
    if (this.worker || this.stopping) return;
    const { queue, name, concurrency } = this.options;
    const worker = new CalmWorker<JobData>(queue, (job, token) => this.work(job, token), {
      connection: client,
      name,
      concurrency,
      autorun: false,
      skipVersionCheck: true,
      maxStalledCount: 0,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_EVERY_MS,
      drainDelay: LOOK_EVERY_S,
      runRetryDelay: RETRY_MS,
    });
    worker.on("error", (error) => this.failed(error));
    this.worker = worker;
    try {
      // One that was never ready stays broken, and would spin.
      await this.link.ask(worker.waitUntilReady());
    } catch (error) {
      this.failed(error);
      this.worker = undefined;
      worker.close(true).catch((trouble: unknown) => this.failed(trouble));
      if (!this.stopping) this.cancel = this.options.clock.after(RETRY_MS, () => this.link.down ?? void this.open(client));
      return;
    }
    if (!this.stopping) worker.run().catch((error: unknown) => this.failed(error));
  }

  private async work(job: Job<JobData>, token: string | undefined): Promise<void> {
    if (!this.stopping) return this.options.work(job.data);
    // It came while this worker was told to stop: others may have it.
    await job.moveToWait(token);
    throw new WaitingError();
  }

  /** While Redis is away BullMQ says so again and again, in several ways; the link has said it. */
  private failed(error: unknown): void {
    const message = messageOf(error);
    if (this.stopping || this.said.has(message)) return;
    if (this.said.size >= MAX_SAID) this.said.clear();
    this.said.add(message);
    // A command may fail just before the link knows why.
    this.options.clock.after(SETTLED_MS, () => {
      if (!this.stopping && this.link.down === undefined) this.options.log("the queue of runs fails", { error: message });
    });
  }
}
