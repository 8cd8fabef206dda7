import type { Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import type { Write } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import { topicOf } from "./store.ts";

const TICK_MS = 60_000;
/** Runs forgotten in one transaction. */
const BATCH = 50;
const DAY_MS = 86_400_000;
/** api.md: answers to requests with an Idempotency-Key. */
const KEEP_ANSWERS_MS = DAY_MS;
const ANSWERS_BATCH = 500;

export interface RetentionOptions {
  readonly journal: Pick<Journal, "append" | "query" | "trim">;
  readonly clock: Clock;
  /** After the end of a run. */
  readonly keepDays: number;
  /** Of those that have ended. */
  readonly keep: number;
  /** They are no longer on disk: their folders may go. Before the next ones go. */
  readonly onForget: (runs: readonly string[]) => Promise<void> | void;
  readonly log: (message: string) => void;
}

const ENDED = "engine = 'plan' AND status IN ('completed', 'failed', 'canceled')";

/** Forgets runs of plans that ended long ago, or are too many, with everything of theirs; in small steps, so that others get their turn. */
export class Retention {
  private stopped = false;
  private cancel: () => void = () => undefined;

  constructor(private readonly options: RetentionOptions) {}

  /** Once a minute, from a minute after now. Whatever a full disk refuses is tried again then. */
  start(): void {
    this.cancel = this.options.clock.after(TICK_MS, () => {
      this.sweep()
        .catch((error: unknown) => this.options.log(`retention of runs: ${messageOf(error)}`))
        .finally(() => !this.stopped && this.start());
    });
  }

  stop(): void {
    this.stopped = true;
    this.cancel();
  }

  /** Resolves with the number of runs forgotten. */
  async sweep(): Promise<number> {
    const forgotten = (await this.sweepBatches(() => this.tooOld())) + (await this.sweepBatches(() => this.tooMany()));
    await this.sweepAnswers();
    return forgotten;
  }

  private async sweepBatches(next: () => readonly string[]): Promise<number> {
    let count = 0;
    for (let runs = next(); runs.length > 0 && !this.stopped; runs = next()) {
      await this.forget(runs);
      count += runs.length;
    }
    return count;
  }

  private tooOld(): readonly string[] {
    const cutoff = this.options.clock.now() - this.options.keepDays * DAY_MS;
    const sql = `SELECT id FROM runs WHERE ${ENDED} AND created_at < ? AND row ->> '$.endedAt' < ? ORDER BY created_at, id LIMIT ?`;
    return this.ids(sql, [cutoff, cutoff, BATCH]);
  }

  private tooMany(): readonly string[] {
    const [found] = this.options.journal.query<{ count: number }>(`SELECT count(*) AS count FROM runs WHERE ${ENDED}`);
    const excess = (found?.count ?? 0) - this.options.keep;
    return excess > 0 ? this.ids(`SELECT id FROM runs WHERE ${ENDED} ORDER BY created_at, id LIMIT ?`, [Math.min(excess, BATCH)]) : [];
  }

  private ids(sql: string, params: readonly number[]): readonly string[] {
    return this.options.journal.query<{ id: string }>(sql, params).map(({ id }) => id);
  }

  /** Events first: a daemon that dies in between finds the rows again. Then what reminds of their numbers, but for the last of all, from which cursors are judged. */
  private async forget(runs: readonly string[]): Promise<void> {
    const { journal, onForget } = this.options;
    for (const run of runs) await journal.trim({ topicPrefix: topicOf(run), keepPerTopic: 0 });
    await journal.append([], [...runs.flatMap(forgetWrites), FORGET_NUMBERS]);
    await onForget(runs);
  }

  private async sweepAnswers(): Promise<void> {
    const { journal, clock } = this.options;
    const cutoff = clock.now() - KEEP_ANSWERS_MS;
    const old = "SELECT key FROM idempotency WHERE created_at < ? ORDER BY created_at LIMIT ?";
    while (!this.stopped && journal.query(old, [cutoff, 1]).length > 0)
      await journal.append([], [{ sql: `DELETE FROM idempotency WHERE key IN (${old})`, params: [cutoff, ANSWERS_BATCH] }]);
  }
}

/** Where topics ended of which there is no run any more. `run0` sorts right after everything that begins with `run/`. */
const FORGET_NUMBERS: Write = {
  sql: `DELETE FROM trimmed WHERE topic >= 'run/' AND topic < 'run0' AND seq < (SELECT max(seq) FROM trimmed)
    AND NOT EXISTS (SELECT 1 FROM runs WHERE id = substr(topic, 5))`,
  params: [],
};

function forgetWrites(run: string): Write[] {
  const tables = ["run_steps", "run_plans", "run_checkpoints", "run_signals", "outbox"];
  return [
    ...tables.map((table) => ({ sql: `DELETE FROM ${table} WHERE run = ?`, params: [run] })),
    { sql: "DELETE FROM runs WHERE id = ?", params: [run] },
  ];
}
