import type { CancelTimer } from "../kernel/clock.ts";
import type { Facts } from "../kernel/errors.ts";
import type { NewEvent, Write } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import type { RunView } from "../workflow/view.ts";
import { laterWrite, originOf, type OwedRow, restWrite, settledWrite, WebhookOutbox } from "./webhook-outbox.ts";
import { pauseAfter, tellOnce, type Told, type TryPorts } from "./webhook-try.ts";

/** Deliveries under way at once, of all hosts and of one. */
const MAX_SENDING = 8;
const MAX_PER_HOST = 2;
/** The wall clock may jump: no longer than this goes by without a look. */
const MAX_WAIT_MS = 60_000;
/** Longer than every pause between tries: what is due later than this was written under a clock that has been set back since. */
const FARTHEST_MS = 10 * 60_000;
/** Runs end in crowds: one look for those of so long. */
const GATHER_MS = 10;
/** How long a host that fails is left alone at most. */
const REST_MS = 5000;
/** Between two tries to record what happened, on a full disk. */
const RETRY_MS = 1000;
/** One for all: their own would never be forgotten. */
const TOPIC = "webhooks";
const ENDS = /^run\.(?:completed|failed|canceled)$/;

export interface WebhooksPorts extends TryPorts {
  readonly journal: Pick<Journal, "query" | "append" | "follow" | "head">;
  /** The run as it ended; undefined when it has been forgotten since. */
  readonly view: (run: string) => RunView | undefined;
  /** A delivery that is given up. */
  readonly log: (message: string, facts: Facts) => void;
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
  private gathering = false;

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
    for await (const { type } of events) if (ENDS.test(type)) this.lookSoon();
  }

  private lookSoon(): void {
    if (this.gathering || this.leaving.signal.aborted) return;
    this.gathering = true;
    this.arm(GATHER_MS);
  }

  private arm(ms: number): void {
    this.cancelTimer();
    this.cancelTimer = this.ports.clock.after(ms, () => this.look());
  }

  private look(): void {
    this.gathering = false;
    if (this.leaving.signal.aborted) return;
    const now = this.ports.clock.now();
    let waitMs = MAX_WAIT_MS;
    try {
      const nextDue = this.outbox.nextDue(now) ?? Infinity;
      waitMs = Math.min(waitMs, nextDue - now);
      const at = nextDue < Infinity && nextDue - now > FARTHEST_MS ? nextDue : now;
      for (let owed = this.next(at); owed; owed = this.next(at)) this.send(owed);
    } catch (error) {
      this.ports.onError(error);
    }
    this.arm(waitMs);
  }

  private next(at: number): OwedRow | undefined {
    if (this.sending.size >= MAX_SENDING) return undefined;
    const hosts = Map.groupBy(this.sending.values(), ({ origin }) => origin);
    const busy = [...hosts].flatMap(([origin, all]) => (all.length >= MAX_PER_HOST ? [origin] : []));
    return this.outbox.next({ at, sending: [...this.sending.keys()], busy });
  }

  private send(owed: OwedRow): void {
    const origin = originOf(owed);
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
    if (pauseMs === undefined) {
      this.ports.log("webhook given up", { run: owed.run, tries, why: told.why });
      return ended("webhook.failed", { why: told.why });
    }
    const now = clock.now();
    const rest = restWrite(originOf(owed), { now, until: now + Math.min(pauseMs, REST_MS) });
    return { events: [], writes: [rest, laterWrite({ ...owed, tries }, now + pauseMs)] };
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
