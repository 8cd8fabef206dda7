import { type Job, Worker } from "bullmq";

/** Between attempts that fail. */
const PAUSE_MS = 1000;

/**
 * BullMQ's worker, which asks Redis no more than once a second while Redis refuses. BullMQ 6.7 waits only after the errors that it knows to be of
 * the connection, and asks again at once after all others: of those is "Connection is closed and offline queue is disabled", which Bun's client says
 * while a connection is being made. It says so at once: that loop let no timer and no socket have a turn, so the connection never came.
 */
export class CalmWorker<Data> extends Worker<Data> {
  protected override async moveToActive(token: string, name?: string): Promise<Job<Data>> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      if (!this.closing) await this.delay();
      throw error;
    }
  }

  /** Without a time BullMQ means a tenth of a second, after a wait for a job that failed. */
  override delay(...[milliseconds, controller]: Parameters<Worker["delay"]>): Promise<void> {
    return super.delay(milliseconds ?? PAUSE_MS, controller);
  }
}
