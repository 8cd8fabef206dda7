import { type IRedisClient, Queue } from "bullmq";
import type { Facts } from "../../kernel/errors.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { RunRecord } from "../record.ts";
import { dispatchId } from "./names.ts";
import type { JobState } from "./reconcile.ts";

/** What a worker finds in a job; the rest it learns from the daemon when it claims. */
export interface JobData {
  readonly runId: string;
  readonly dispatch: number;
  /** Where the daemon says it is reached. */
  readonly apiUrl: string;
}

/** Ended jobs say nothing that the journal does not; a few are left for a look at the queue. */
const KEEP_ENDED = { age: 3600, count: 1000 };
/** Of each kind. */
const ENDED_LISTED = 1000;

/** BullMQ's queue of one home, on a connection that somebody else keeps. */
export class JobQueue {
  private readonly queue: Queue<JobData>;

  constructor(
    private readonly name: string,
    private readonly client: IRedisClient,
    onError: (message: string, facts: Facts) => void,
  ) {
    this.queue = new Queue<JobData>(name, { connection: client, skipVersionCheck: true });
    this.queue.on("error", (error) => onError("the queue of runs fails", { error: error.message }));
  }

  /** Does nothing where the id is there already, whatever its state. Rejects when Redis has not taken it. */
  async add(run: RunRecord, apiUrl: string): Promise<void> {
    const jobId = dispatchId(run);
    const job = await this.queue.add(
      "run",
      { runId: run.id, dispatch: run.dispatch, apiUrl },
      // BullMQ's 1 is the most urgent; a run's 100 is.
      { jobId, attempts: 1, priority: 101 - run.priority, removeOnComplete: KEEP_ENDED, removeOnFail: KEEP_ENDED },
    );
    // A command whose connection is lost resolves with null.
    if (job.id !== jobId) throw new OrcoError("unavailable", "Redis was lost before it took the run", { run: run.id });
  }

  /** Rejects when Redis does not say. */
  async states(ids: readonly string[]): Promise<Map<string, JobState>> {
    const states = await Promise.all(ids.map((id) => this.queue.getJobState(id)));
    return new Map(
      ids.map((id, index) => {
        const state = states[index];
        if (!state) throw new OrcoError("unavailable", "Redis was lost while it was asked", { job: id });
        return [id, state];
      }),
    );
  }

  /** Whether `mark` is where it was left: what empties Redis takes it, too. */
  async bears(mark: string): Promise<boolean> {
    return (await this.client.get(this.markKey)) === mark;
  }

  async mark(mark: string): Promise<void> {
    await this.client.set(this.markKey, mark);
  }

  /** Ids of the jobs that ended last, with or without success. */
  async ended(): Promise<readonly string[]> {
    return this.queue.getRanges(["completed", "failed"], 0, ENDED_LISTED - 1);
  }

  private get markKey(): string {
    return `${this.name}:mark`;
  }

  /** Of a job that a worker holds: nothing. */
  async remove(id: string): Promise<void> {
    await this.queue.remove(id);
  }
}
