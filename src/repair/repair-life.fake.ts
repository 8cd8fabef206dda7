import { type CancelTimer, type Clock, FakeClock } from "../kernel/clock.ts";
import type { JournalEvent, NewEvent, ReadQuery, Write } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import type { Queryable } from "../kernel/rows.ts";

/** The time of one daemon: what it has set goes off no more when it is dead. */
export class LifeClock implements Clock {
  /** With where they were set. */
  readonly timers = new Map<CancelTimer, string>();
  private dead = false;

  constructor(private readonly clock: FakeClock) {}

  now = (): number => this.clock.now();
  monotonic = (): number => this.clock.monotonic();
  random = (): number => this.clock.random();

  after = (ms: number, fn: () => void): CancelTimer => {
    if (this.dead) return () => undefined;
    const cancel = this.clock.after(ms, () => {
      this.timers.delete(mine);
      fn();
    });
    const mine = (): void => {
      this.timers.delete(mine);
      cancel();
    };
    this.timers.set(mine, new Error("timer").stack ?? "");
    return mine;
  };

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return FakeClock.prototype.sleep.call(this as unknown as FakeClock, ms, signal);
  }

  end(): void {
    this.dead = true;
    for (const cancel of this.timers.keys()) cancel();
  }
}

/** Nothing comes of what a dead daemon waits for: it stands still where it stood. */
export class LifeJournal implements Queryable {
  writes = 0;

  constructor(
    private readonly journal: Journal,
    private readonly life: { isAlive: () => boolean; die: () => void; deathAt: number | undefined },
  ) {}

  async append(events: readonly NewEvent[], writes: readonly Write[] = []): Promise<JournalEvent[]> {
    const { isAlive, die, deathAt } = this.life;
    if (!isAlive()) return still();
    this.writes++;
    const isLast = this.writes === deathAt;
    if (isLast && deathAt % 2 === 0) die();
    if (!isAlive()) return still();
    const done = await this.journal.append(events, writes);
    if (isLast) die();
    return isAlive() ? done : still();
  }

  read(query: ReadQuery): JournalEvent[] {
    return this.journal.read(query);
  }

  follow(query: ReadQuery & { signal?: AbortSignal }): AsyncIterable<JournalEvent> {
    return this.journal.follow(query);
  }

  query(sql: string, params?: readonly (string | number | null)[]): unknown[] {
    return this.journal.query(sql, params);
  }
}

function still(): Promise<never> {
  return new Promise(() => undefined);
}
