import type { IRedisClient } from "bullmq";
import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { messageOf, type Facts } from "../../kernel/errors.ts";
import type { EventLog, Write } from "../../kernel/event.ts";
import type { Queryable } from "../../kernel/rows.ts";
import type { Dispatcher } from "../ports.ts";
import type { RunRecord } from "../record.ts";
import { RedisLink } from "./link.ts";
import { dispatchId } from "./names.ts";
import { JobQueue } from "./queue.ts";
import { reconcile } from "./reconcile.ts";
import { Sweep } from "./sweep.ts";

const RECONCILE_EVERY_MS = 10_000;
/** A hundred thousand runs that wait are gone through in less than ten minutes. */
const PER_LOOK = 2000;

export interface RedisDispatcherOptions {
  readonly url: string;
  /** `queueName` of this home. */
  readonly queue: string;
  /** Where workers reach this daemon, for those that were not told. */
  readonly apiUrl: () => string;
  readonly journal: Queryable & Pick<EventLog, "append">;
  readonly clock: Clock;
  /** Runs that wait asked for by one look, where nothing tells that Redis has lost something. */
  readonly perLook?: number;
  /** Gives a run that is still pending with dispatch `from` the next number, and dispatches it; does nothing to any other. */
  readonly redispatch: (id: string, from: number) => Promise<void>;
  readonly log: (message: string, facts: Facts) => void;
}

/**
 * Hands runs to workers through BullMQ. What is owed stands in the outbox (kind `redis`) from the transaction that dispatched the run until Redis
 * has taken it. A look every 10 s adds what the queue should have and has not: for a bounded number of runs that wait, and for all of them when
 * Redis is back, or has lost the mark that the look before left there (it was emptied).
 */
export class RedisDispatcher implements Dispatcher {
  private readonly link: RedisLink;
  private queue: JobQueue | undefined;
  private cancel: CancelTimer = () => undefined;
  private looking: Promise<void> | undefined;
  private closed = false;
  private readonly sweep: Sweep;
  /** Counts the times that Redis was there again, and which of them all runs were compared for. */
  private readonly times = { up: 0, compared: 0 };
  private mark = "";

  constructor(private readonly options: RedisDispatcherOptions) {
    const { url, clock, log, journal, perLook = PER_LOOK } = options;
    this.sweep = new Sweep({ journal, perPart: perLook, tell: (pending) => this.tell(pending) });
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
    this.times.up++;
    // A look under way may have begun with the connection before.
    void this.look().then(() => (this.times.compared < this.times.up ? this.look() : undefined));
  }

  private again(): void {
    if (this.closed) return;
    this.cancel = this.options.clock.after(RECONCILE_EVERY_MS, () => void this.look().then(() => this.again()));
  }

  private async compare(): Promise<void> {
    const { queue } = this;
    if (this.closed || this.link.down !== undefined || !queue) return;
    // Before the runs: every run that is owed now and still waits is compared below.
    const owed = (this.options.journal.query(OWED) as { id: string }[]).map(({ id }) => id);
    const { up } = this.times;
    if (this.times.compared < up || !(await this.link.ask(queue.bears(this.mark)))) await this.compareAll(queue, up);
    else await this.comparePart(queue);
    if (owed.length > 0 && (await this.sweep.of(owed))) await this.options.journal.append([], owed.map(paid));
  }

  /** `up`: the time that Redis was there which it is for. */
  private async compareAll(queue: JobQueue, up: number): Promise<void> {
    // A new one, and before: what is lost from now on is lost with it, and seen by the next look.
    this.mark = crypto.randomUUID();
    this.times.compared = Math.min(this.times.compared, up - 1);
    await this.link.ask(queue.mark(this.mark));
    if (await this.sweep.all()) this.times.compared = up;
  }

  private async comparePart(queue: JobQueue): Promise<void> {
    await this.sweep.part();
    // A worker that died between a job and its claim leaves a job that has failed: its run does not wait for its turn.
    await this.sweep.of(await this.link.ask(queue.ended()));
  }

  /** Whether the queue has them all now. */
  private async tell(pending: readonly RunRecord[]): Promise<boolean> {
    const { queue } = this;
    if (!queue || this.closed) return false;
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
      await this.options.journal.append([], [paid(dispatchId(run))]);
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

const OWED = "SELECT id FROM outbox WHERE kind = 'redis' ORDER BY due_at LIMIT 2000";

/** Of one dispatch: the run may have been dispatched again meanwhile, and that one is still owed. */
function paid(id: string): Write {
  return { sql: "DELETE FROM outbox WHERE id = ? AND kind = 'redis'", params: [id] };
}
