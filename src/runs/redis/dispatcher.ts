import type { IRedisClient } from "bullmq";
import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { messageOf, type Facts } from "../../kernel/errors.ts";
import type { EventLog } from "../../kernel/event.ts";
import { rowsOf, type Queryable } from "../../kernel/rows.ts";
import type { Dispatcher } from "../ports.ts";
import type { RunRecord } from "../record.ts";
import { dispatchDelete } from "../store.ts";
import { RedisLink } from "./link.ts";
import { dispatchId } from "./names.ts";

import { JobQueue } from "./queue.ts";
import { reconcile } from "./reconcile.ts";

const RECONCILE_EVERY_MS = 10_000;
/** Jobs asked for in one breath: Redis has to answer within the patience of the link. */
const AT_ONCE = 200;

export interface RedisDispatcherOptions {
  readonly url: string;
  /** `queueName` of this home. */
  readonly queue: string;
  /** Where workers reach this daemon, for those that were not told. */
  readonly apiUrl: () => string;
  readonly journal: Queryable & Pick<EventLog, "append">;
  readonly clock: Clock;
  /** Gives a run that is still pending with dispatch `from` the next number, and dispatches it; does nothing to any other. */
  readonly redispatch: (id: string, from: number) => Promise<void>;
  readonly log: (message: string, facts: Facts) => void;
}

/**
 * Hands runs to workers through BullMQ. What is owed stands in the outbox (kind `redis`) from the transaction that dispatched the run until Redis
 * has taken it; a look every 10 s, and whenever Redis is back, adds what the queue should have and has not.
 */
export class RedisDispatcher implements Dispatcher {
  private readonly link: RedisLink;
  private queue: JobQueue | undefined;
  private cancel: CancelTimer = () => undefined;
  private looking: Promise<void> | undefined;
  private closed = false;

  constructor(private readonly options: RedisDispatcherOptions) {
    const { url, clock, log } = options;
    this.link = new RedisLink({ url, clock, log, onUp: (client) => this.up(client) });
  }

  /** Resolves when it is known whether Redis answers. Never rejects. */
  async start(): Promise<void> {
    await this.link.start();
    this.again();
  }

  assertAvailable(): void {
    this.link.use();
  }

  dispatch(run: RunRecord): void {
    // While Redis is down the row in the outbox waits.
    if (this.link.down === undefined) void this.add(run);
  }

  withdraw(run: RunRecord): void {
    const { queue } = this;
    if (this.link.down !== undefined || !queue || run.dispatch === 0) return;
    // A job that stays all the same ends when its worker claims the run in vain.
    this.link.ask(queue.remove(dispatchId(run))).catch((error: unknown) => this.failed("a job could not be removed", run, error));
  }

  /** For `/ready`. */
  check(): { name: string; ok: boolean; detail: string } {
    const { down } = this.link;
    return { name: "redis", ok: down === undefined, detail: down ?? `answers; queue ${this.options.queue}` };
  }

  /** Compares the runs that wait with the queue. One at a time: a second call joins the first. Never rejects. */
  look(): Promise<void> {
    this.looking ??= this.compare()
      .catch((error: unknown) => this.options.log("the queue of runs could not be compared", { error: messageOf(error) }))
      .finally(() => (this.looking = undefined));
    return this.looking;
  }

  close(): void {
    this.closed = true;
    this.cancel();
    this.link.close();
  }

  private up(client: IRedisClient): void {
    this.queue ??= new JobQueue(this.options.queue, client, this.options.log);
    void this.look();
  }

  private again(): void {
    if (this.closed) return;
    this.cancel = this.options.clock.after(RECONCILE_EVERY_MS, () => void this.look().then(() => this.again()));
  }

  private async compare(): Promise<void> {
    const { queue } = this;
    if (this.closed || this.link.down !== undefined || !queue) return;
    const { journal } = this.options;
    // Before the runs: every run that is owed now and still waits is compared below.
    const owed = journal.query("SELECT DISTINCT run FROM outbox WHERE kind = 'redis'") as { run: string }[];
    const pending = rowsOf<RunRecord>(journal, PENDING);
    let all = true;
    for (let from = 0; from < pending.length; from += AT_ONCE) all = (await this.tell(queue, pending.slice(from, from + AT_ONCE))) && all;
    if (owed.length > 0 && all)
      await journal.append(
        [],
        owed.map(({ run }) => dispatchDelete(run)),
      );
  }

  /** Whether the queue has them all now. */
  private async tell(queue: JobQueue, pending: readonly RunRecord[]): Promise<boolean> {
    const states = await this.link.ask(queue.states(pending.map(dispatchId)));
    const { add, redispatch } = reconcile(pending, states);
    const added = await Promise.all(add.map((run) => this.add(run)));
    for (const { id, dispatch } of redispatch) await this.options.redispatch(id, dispatch);
    return added.every(Boolean);
  }

  /** Whether Redis has it. */
  private async add(run: RunRecord): Promise<boolean> {
    const { queue } = this;
    if (!queue) return false;
    try {
      await this.link.ask(queue.add(run, this.options.apiUrl()));
      await this.options.journal.append([], [dispatchDelete(run.id)]);
      return true;
    } catch (error) {
      if (!this.closed) this.failed("a run waits in the outbox", run, error);
      return false;
    }
  }

  private failed(what: string, run: RunRecord, error: unknown): void {
    this.options.log(what, { run: run.id, dispatch: run.dispatch, error: messageOf(error) });
  }
}

const PENDING =
  "SELECT row FROM runs WHERE status = 'pending' AND engine = 'plan' AND row ->> '$.mode' = 'redis' AND row ->> '$.dispatch' > 0 ORDER BY id";
