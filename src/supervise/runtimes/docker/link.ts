import type { CancelTimer, Clock } from "../../../kernel/clock.ts";
import { listContainers } from "../../docker/containers.ts";
import { type Engine, isAway } from "../../docker/engine.ts";
import { dockerEvents } from "../../docker/events.ts";
import { OURS } from "../../docker/ownership.ts";
import { Presence } from "./presence.ts";

export interface LinkOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Of the label `orco.home`. */
  readonly homeId: string;
  readonly onTrouble: () => void;
  readonly onError: (error: unknown) => void;
}

/** A container that is looked after. */
export interface Watched {
  /** Undefined while docker was away ever since it was adopted. */
  readonly id: string | undefined;
  /** It has ended, is gone, or may have: ask docker. */
  look(): void;
  /** The kernel killed a process of it for want of memory. */
  noteOutOfMemory(): void;
}

/** Podman filters by names of its own (`died`, `remove`). */
const TOLD = ["die", "died", "destroy", "remove", "oom", "pause", "unpause"];
/** An event may be missed. */
const SWEEP_MS = 10_000;
/** Docker's clock may be behind, and the stream takes a moment to begin. */
const EVENTS_BACK_MS = 2000;
const EVENTS_RETRY_MS = 250;
/** After a start that docker was away for: whoever tries again, or asks why, within it finds out at once. */
const INTEREST_MS = 10_000;

/** What is known of docker: whether it answers, and what becomes of our containers. Nothing is asked while there are none. */
export class Link {
  readonly presence: Presence;
  private readonly watched = new Set<Watched>();
  private running: AbortController | undefined;
  private cancelSweep: CancelTimer | undefined;
  private cancelInterest: CancelTimer | undefined;
  private readonly waiting = new Set<object>();
  private closed = false;

  constructor(private readonly options: LinkOptions) {
    const { engine, clock } = options;
    this.presence = new Presence({ engine, clock, onChange: (present) => this.changed(present) });
  }

  add(watched: Watched): void {
    this.watched.add(watched);
    this.run();
  }

  remove(watched: Watched): void {
    this.watched.delete(watched);
    this.restIfIdle();
  }

  /** Does something with docker. Rejects with `engine_away` while it does not answer; one that hangs meanwhile is noticed. */
  async with<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.presence.isAway) throw this.missed(undefined);
    const letGo = this.hold();
    try {
      return await work();
    } catch (error) {
      throw isAway(error) ? this.missed(error) : error;
    } finally {
      letGo();
    }
  }

  /** Waits for docker and does it then, however often docker goes meanwhile. */
  async insist<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value> {
    const letGo = this.hold();
    try {
      for (;;) {
        await this.presence.present(signal);
        try {
          return await work();
        } catch (error) {
          if (!isAway(error)) throw error;
          signal.throwIfAborted();
          this.presence.missed(error);
        }
      }
    } finally {
      letGo();
    }
  }

  close(): void {
    this.closed = true;
    this.watched.clear();
    this.waiting.clear();
    this.cancelInterest?.();
    this.cancelInterest = undefined;
    this.restIfIdle();
  }

  /** Why docker cannot be asked just now. Whoever wants to know that wants to hear when it is back. */
  trouble(): string | undefined {
    if (this.presence.isAway) this.touch();
    return this.presence.trouble;
  }

  /** Somebody needs to know of docker until he lets go. */
  private hold(): () => void {
    const waiter = {};
    this.waiting.add(waiter);
    this.run();
    return () => {
      this.waiting.delete(waiter);
      this.restIfIdle();
    };
  }

  private missed(error: unknown): Error {
    this.touch();
    if (error !== undefined) this.presence.missed(error);
    return this.presence.error(error);
  }

  private touch(): void {
    if (this.closed) return;
    this.cancelInterest?.();
    this.cancelInterest = this.options.clock.after(INTEREST_MS, () => {
      this.cancelInterest = undefined;
      this.restIfIdle();
    });
    this.run();
  }

  private run(): void {
    if (this.running || this.closed) return;
    this.running = new AbortController();
    this.presence.watch();
    this.sweepLater();
    void this.listen(this.running.signal);
  }

  private restIfIdle(): void {
    if (this.watched.size + this.waiting.size > 0 || this.cancelInterest) return;
    this.running?.abort();
    this.running = undefined;
    this.cancelSweep?.();
    this.presence.rest();
  }

  private changed(present: boolean): void {
    if (present && this.running) void this.sweep();
    this.options.onTrouble();
  }

  /** One stream of events for all. */
  private async listen(signal: AbortSignal): Promise<void> {
    const { engine, clock, homeId, onError } = this.options;
    const filters = { type: ["container"], event: TOLD, label: [`${OURS.home}=${homeId}`] };
    while (!signal.aborted) {
      try {
        await this.presence.present(signal);
        const since = ((clock.now() - EVENTS_BACK_MS) / 1000).toFixed(3);
        const until = AbortSignal.any([signal, this.presence.whilePresent]);
        for await (const { Action, Actor } of dockerEvents(engine, { filters, since, signal: until })) this.told(Actor.ID, Action);
      } catch (error) {
        if (signal.aborted) return;
        if (isAway(error)) this.presence.missed(error);
        else if (!this.presence.isAway) onError(error);
      }
      await clock.sleep(EVENTS_RETRY_MS, signal).catch(() => undefined);
    }
  }

  private told(id: string, action: string): void {
    for (const watched of this.watched) {
      if (watched.id !== id) continue;
      if (action === "oom") watched.noteOutOfMemory();
      else watched.look();
    }
  }

  private sweepLater(): void {
    this.cancelSweep?.();
    this.cancelSweep = this.options.clock.after(SWEEP_MS, () => void this.sweep().finally(() => this.running && this.sweepLater()));
  }

  /** Whatever does not run, and whatever is not known to, is looked at. Never rejects. */
  private async sweep(): Promise<void> {
    if (this.presence.isAway) return;
    try {
      const rows = await listContainers(this.options.engine, { [OURS.home]: this.options.homeId }, { timeoutMs: SWEEP_MS });
      const running = new Set(rows.flatMap(({ Id, State }) => (State === "running" ? [Id] : [])));
      for (const watched of this.watched) if (watched.id === undefined || !running.has(watched.id)) watched.look();
    } catch (error) {
      if (isAway(error)) this.presence.missed(error);
      else this.options.onError(error);
    }
  }
}
