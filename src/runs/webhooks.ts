import type { CancelTimer } from "../kernel/clock.ts";
import type { NewEvent, Write } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import type { RunView } from "../workflow/view.ts";
import { laterWrite, type OwedRow, settledWrite, WebhookOutbox } from "./webhook-outbox.ts";
import { pauseAfter, tellOnce, type Told, type TryPorts } from "./webhook-try.ts";

/** Deliveries under way at once, of all hosts and of one. */
const MAX_SENDING = 8;
const MAX_PER_HOST = 2;
/** The wall clock may jump: no longer than this goes by without a look. */
const MAX_WAIT_MS = 60_000;
/** Between two tries to record what happened, on a full disk. */
const RETRY_MS = 1000;
/** One for all: their own would never be forgotten. */
const TOPIC = "webhooks";
const ENDS = /^run\.(?:completed|failed|canceled)$/;

export interface WebhooksPorts extends TryPorts {
  readonly journal: Pick<Journal, "query" | "append" | "follow" | "head">;
  /** The run as it ended; undefined when it has been forgotten since. */
  readonly view: (run: string) => RunView | undefined;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells webhooks how runs ended, at least once: what is owed is in the outbox from the transaction in which the run ended until it was delivered
 * (event `webhook.delivered`, topic `webhooks`) or given up after five tries (`webhook.failed`).
 */
export class Webhooks {
  private readonly outbox: WebhookOutbox;
  private readonly leaving = new AbortController();
  /** By id of the delivery. */
  private readonly sending = new Map<string, { readonly origin: string; readonly done: Promise<void> }>();
  private cancelTimer: CancelTimer = () => undefined;

  constructor(private readonly ports: WebhooksPorts) {
    this.outbox = new WebhookOutbox(ports.journal);
  }

  /** Goes on with what a former daemon owed. */
  start(): void {
    const { journal, onError } = this.ports;
    this.watch(journal.head()).catch(onError);
    this.look();
  }

  /** Deliveries under way are broken off; they are tried again by the next daemon. */
  async close(): Promise<void> {
    this.leaving.abort();
    this.cancelTimer();
    await Promise.all([...this.sending.values()].map(({ done }) => done));
  }

  private async watch(after: number): Promise<void> {
    const events = this.ports.journal.follow({ topic: "run/*", after, signal: this.leaving.signal });
    for await (const { type } of events) if (ENDS.test(type)) this.look();
  }

  private look(): void {
    if (this.leaving.signal.aborted) return;
    this.cancelTimer();
    const now = this.ports.clock.now();
    let waitMs = MAX_WAIT_MS;
    try {
      for (let owed = this.next(now); owed; owed = this.next(now)) this.send(owed);
      waitMs = Math.min(waitMs, (this.outbox.nextDue(now) ?? Infinity) - now);
    } catch (error) {
      this.ports.onError(error);
    }
    this.cancelTimer = this.ports.clock.after(waitMs, () => this.look());
  }

  private next(now: number): OwedRow | undefined {
    if (this.sending.size >= MAX_SENDING) return undefined;
    const hosts = Map.groupBy(this.sending.values(), ({ origin }) => origin);
    const busy = [...hosts].flatMap(([origin, all]) => (all.length >= MAX_PER_HOST ? [origin] : []));
    return this.outbox.next({ now, sending: [...this.sending.keys()], busy });
  }

  private send(owed: OwedRow): void {
    const origin = `${URL.parse(owed.url)?.origin ?? owed.url}/`;
    const done = this.deliver(owed)
      .catch(this.ports.onError)
      .then(() => {
        this.sending.delete(owed.id);
        this.look();
      });
    this.sending.set(owed.id, { origin, done });
  }

  private async deliver(owed: OwedRow): Promise<void> {
    const { ports } = this;
    const { signal } = this.leaving;
    const run = ports.view(owed.run);
    const told: Told = run ? await tellOnce(owed, run, { ports, signal }) : { why: "the run has been forgotten", final: true };
    if (signal.aborted && "why" in told) return;
    const { events, writes } = this.outcome(owed, told);
    await this.record(events, writes);
  }

  private outcome(owed: OwedRow, told: Told): { events: NewEvent[]; writes: Write[] } {
    const { clock } = this.ports;
    const tries = owed.tries + 1;
    const ended = (type: string, data: { status: number } | { why: string }): { events: NewEvent[]; writes: Write[] } => ({
      events: [{ topic: TOPIC, type, data: { runId: owed.run, delivery: owed.id, tries, ...data } }],
      writes: [settledWrite(owed.id)],
    });
    if ("status" in told) return ended("webhook.delivered", told);
    const pauseMs = told.final ? undefined : pauseAfter(tries, clock.random());
    if (pauseMs === undefined) return ended("webhook.failed", { why: told.why });
    return { events: [], writes: [laterWrite({ ...owed, tries }, clock.now() + pauseMs)] };
  }

  /** What cannot be recorded holds its place, or it would be told again at once. */
  private async record(events: NewEvent[], writes: Write[]): Promise<void> {
    const { journal, clock, onError } = this.ports;
    for (let told = false; ; told = true) {
      try {
        await journal.append(events, writes);
        return;
      } catch (error) {
        if (!told) onError(error);
        if (this.leaving.signal.aborted) return;
        await clock.sleep(RETRY_MS, this.leaving.signal).catch(() => undefined);
      }
    }
  }
}
