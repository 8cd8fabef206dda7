import type { Clock } from "../../kernel/clock.ts";
import type { NewEvent } from "../../kernel/event.ts";
import type { Journal } from "../../kernel/journal.ts";
import { type CronTimes, parseCron } from "../../kernel/cron.ts";
import { type Due, due, SMALL_STEP_MS } from "./due.ts";
import { type FirePorts, fireSome } from "./fire.ts";
import type { Firing, ScheduleRecord } from "./record.ts";
import { deleteWrite, noSchedule, scheduleEvent, updateWrite } from "./store.ts";
import { rfc3339 } from "../../kernel/rfc3339.ts";

/** After a firing, or a record of one, that failed for now. */
const RETRY_MS = 2000;
/** Firings decided whose runs are not yet made; beyond it the oldest fail. */
const MAX_FIRING = 1000;

export interface DutyPorts extends Pick<FirePorts, "fire" | "exists"> {
  readonly journal: Pick<Journal, "append">;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly onError: (error: unknown) => void;
}

export type DutyTimes = Pick<ScheduleRecord, "cron" | "timezone" | "enabled">;

/**
 * One schedule at work. A firing is decided on disk, with the id of its run and the next time, before the run is made; whoever finds a decided one makes
 * the run unless it is there. So a crash neither loses nor doubles one.
 */
export class Duty {
  /** Undefined: what a former version took cannot be read any more; it rests. */
  private times: CronTimes | undefined;
  /** The two clocks at the last decision that is on disk; undefined: that was a former daemon's. */
  private decided: Moment | undefined;
  /** Monotonic; what failed for now rests until then. */
  private retryAt = -Infinity;
  private turn: Promise<unknown> = Promise.resolve();
  private working = false;
  private removed = false;

  /** `isNew`: nobody can have missed anything of it. */
  constructor(
    public record: ScheduleRecord,
    private readonly ports: DutyPorts,
    { isNew }: { isNew: boolean },
  ) {
    try {
      this.times = parseCron(record.cron, record.timezone);
    } catch (error) {
      ports.onError(error);
    }
    if (isNew) this.decided = momentOf(ports.clock);
  }

  /** Milliseconds until there is something to do, 0 for at once; undefined: nothing that can be foreseen, or it is being done. */
  waitMs(): number | undefined {
    const { enabled, nextAt, firing } = this.record;
    if (!enabled || !this.times || this.working) return undefined;
    const restMs = Math.max(0, this.retryAt - this.ports.clock.monotonic());
    if (firing.length > 0) return restMs;
    if (nextAt === undefined) return undefined;
    return this.mayBeSetBack() ? restMs : Math.max(restMs, nextAt - this.ports.clock.now());
  }

  /** Decides what is due and makes the runs of it. Never rejects. */
  work(isLeaving: () => boolean): Promise<void> {
    this.working = true;
    return this.inTurn(async () => {
      try {
        await this.decide();
        while (this.record.firing.length > 0 && !isLeaving()) if (!(await this.fire())) break;
      } catch (error) {
        this.rest();
        this.ports.onError(error);
      } finally {
        this.working = false;
      }
    });
  }

  /** Another time, or whether it is at work at all. What comes is reckoned from now on, and nothing is owed for before. `invalid`. */
  set({ cron, timezone, enabled }: DutyTimes): Promise<void> {
    return this.inTurn(async () => {
      const { nextAt: _, ...record } = this.record;
      if (record.cron === cron && record.timezone === timezone && record.enabled === enabled) return;
      const moment = momentOf(this.ports.clock);
      const times = parseCron(cron, timezone);
      const nextAt = times.next(moment.now);
      const changed = { ...record, cron, timezone, enabled, ...(nextAt !== undefined && { nextAt }), firing: enabled ? record.firing : [] };
      await this.save(changed, [scheduleEvent(changed, "changed", { cron, timezone, enabled })]);
      this.times = times;
      this.decided = moment;
    });
  }

  /** After what is being made now. `not_found` the second time. */
  remove(): Promise<void> {
    return this.inTurn(async () => {
      const { id } = this.record;
      if (this.removed) throw noSchedule(id);
      await this.ports.journal.append([scheduleEvent(this.record, "removed")], [deleteWrite(id)]);
      this.removed = true;
      this.record = { ...this.record, enabled: false, firing: [] };
    });
  }

  idle(): Promise<unknown> {
    return this.turn;
  }

  private async decide(): Promise<void> {
    const { clock, newId } = this.ports;
    const { nextAt, catchUp, enabled } = this.record;
    if (nextAt === undefined || !enabled || !this.times) return;
    const moment = momentOf(clock);
    const { now, at } = moment;
    const wasDown = this.decided === undefined;
    const watchedFrom = now - (at - (this.decided ?? moment).at);
    const owed = due({ times: this.times, catchUp, nextAt, now, watchedFrom, wasDown });
    if (owed.next !== nextAt) {
      const firing = owed.fires.map((time): Firing => ({ at: time, run: newId(), since: now }));
      await this.save(decidedRecord(this.record, owed, firing), this.missedEvents(owed));
    }
    this.decided = moment;
  }

  /** False: some could not be made yet. */
  private async fire(): Promise<boolean> {
    const { fire, exists, clock } = this.ports;
    const { record, events, again } = await fireSome(this.record, { fire, exists, now: () => clock.now() });
    const kept = record.firing.slice(-MAX_FIRING);
    const given = record.firing.slice(0, record.firing.length - kept.length);
    const lost = given.map(({ at }) =>
      scheduleEvent(record, "failed", { at: rfc3339(at), code: "unavailable", message: "too many runs could not be made" }),
    );
    if (events.length > 0 || lost.length > 0) await this.save({ ...record, firing: kept }, [...events, ...lost]);
    if (again) this.rest();
    return !again;
  }

  private async save(record: ScheduleRecord, events: readonly NewEvent[]): Promise<void> {
    await this.ports.journal.append(events, [updateWrite(record)]);
    this.record = record;
  }

  private missedEvents({ missed }: Due): NewEvent[] {
    const [first, last] = [missed[0], missed.at(-1)];
    if (first === undefined || last === undefined) return [];
    return [scheduleEvent(this.record, "missed", { count: missed.length, from: rfc3339(first), to: rfc3339(last) })];
  }

  /** By a former daemon's clock, too. */
  private mayBeSetBack(): boolean {
    if (!this.decided) return true;
    const moment = momentOf(this.ports.clock);
    return this.decided.now - this.decided.at - (moment.now - moment.at) > SMALL_STEP_MS;
  }

  private rest(): void {
    this.retryAt = this.ports.clock.monotonic() + RETRY_MS;
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.turn.then(act);
    this.turn = turn.catch(() => undefined);
    return turn;
  }
}

/** What people read, and what never jumps. */
interface Moment {
  readonly now: number;
  readonly at: number;
}

function momentOf(clock: Clock): Moment {
  return { now: clock.now(), at: clock.monotonic() };
}

function decidedRecord({ nextAt: _nextAt, ...record }: ScheduleRecord, { next, missed }: Due, firing: readonly Firing[]): ScheduleRecord {
  return {
    ...record,
    ...(next !== undefined && { nextAt: next }),
    missed: record.missed + missed.length,
    firing: [...record.firing, ...firing],
  };
}
