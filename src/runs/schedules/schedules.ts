import type { CancelTimer } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { Queryable } from "../../kernel/rows.ts";
import type { RunMode } from "../record.ts";
import type { RunRequest } from "../request.ts";
import { assertFires, parseCron } from "../../kernel/cron.ts";
import { Duty, type DutyPorts, type DutyTimes } from "./duty.ts";
import type { ScheduleOf, ScheduleRecord } from "./record.ts";
import type { NewSchedule } from "./body.ts";
import { insertWrite, noSchedule, readSchedules, scheduleEvent } from "./store.ts";
import { type ScheduleView, scheduleView } from "./view.ts";

const MAX_SCHEDULES = 1000;
/** Schedules at work at once. */
const MAX_WORKING = 16;
/** The wall clock may jump: no longer than this goes by without a look. */
const MAX_WAIT_MS = 60_000;

export interface SchedulesPorts extends Omit<DutyPorts, "journal" | "exists"> {
  readonly journal: Queryable;
  /** Throws `invalid` (pointers into the body) for what `fire` would refuse. */
  readonly check: (run: RunRequest, mode: RunMode) => void;
}

/** Schedules, and when they fire. Overlapping runs are the affair of their lane (`concurrency_key`). */
export class Schedules {
  private readonly duties = new Map<string, Duty>();
  private readonly ports: DutyPorts;
  private cancelTimer: CancelTimer = () => undefined;
  private started = false;
  private closed = false;
  private working = 0;
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly options: SchedulesPorts) {
    const exists = (run: string): boolean => options.journal.query("SELECT 1 FROM runs WHERE id = ?", [run]).length > 0;
    this.ports = { ...options, exists };
  }

  /** Takes over what a former daemon knew. */
  load(): void {
    for (const record of readSchedules(this.options.journal)) this.duties.set(record.id, new Duty(record, this.ports, { isNew: false }));
  }

  /** Goes on where the former daemon stopped; what it missed is made up for as each schedule wants it. */
  start(): void {
    this.started = true;
    this.look();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelTimer();
    await this.quiet();
  }

  /** Resolves when what was due is done: decided, made, and on disk, or put off. */
  async quiet(): Promise<void> {
    while (this.working > 0) await Promise.all([...this.duties.values()].map((duty) => duty.idle()));
  }

  /** `invalid` with pointers, `unprocessable` when there are 1,000 schedules. */
  async create(request: NewSchedule, owner: string, id: string = this.ports.newId()): Promise<ScheduleView> {
    const known = this.duties.get(id);
    if (known) return scheduleView(known.record);
    const record = this.recordOf(request, { owner, id });
    await this.add(record);
    return scheduleView(record);
  }

  private async add(record: ScheduleRecord): Promise<void> {
    const { id } = record;
    if (this.duties.size >= MAX_SCHEDULES)
      throw new OrcoError("unprocessable", `there are ${MAX_SCHEDULES} schedules, and no more are kept; remove some first`);
    await this.ports.journal.append(
      [scheduleEvent(record, "created", { cron: record.cron, timezone: record.timezone })],
      [insertWrite(record)],
    );
    this.duties.set(id, new Duty(record, this.ports, { isNew: true }));
    this.look();
  }

  /** Newest first, those before the id `before`. */
  list({ limit, before }: { limit: number; before?: string }): ScheduleView[] {
    const ids = [...this.duties.keys()].filter((id) => before === undefined || id < before).toSorted((a, b) => (a < b ? 1 : -1));
    return ids.slice(0, limit).map((id) => this.get(id));
  }

  get(id: string): ScheduleView {
    return scheduleView(this.duty(id).record);
  }

  /** The runs it has made go on. `conflict` for one that a stack declares. */
  async remove(id: string): Promise<void> {
    const { of } = this.duty(id).record;
    if (of)
      throw new OrcoError(
        "conflict",
        `schedule ${id} is that of ${of.service} in stack ${of.stack}, whose file declares it: take it out there and apply, or pause it: orco stop ${of.service}`,
        { schedule: id, ...of },
      );
    await this.drop(id);
  }

  /** Those that stacks declare. */
  declared(): readonly ScheduleRecord[] {
    return [...this.duties.values()].map(({ record }) => record).filter(({ of }) => of !== undefined);
  }

  /** Makes the schedule of a service what its stack declares; `enabled` absent: as it was. `invalid`, `unprocessable` as `create`. */
  declare(of: ScheduleOf, { cron, timezone, enabled }: Pick<DutyTimes, "cron" | "timezone"> & { enabled?: boolean }): Promise<void> {
    return this.inTurn(async () => {
      const known = this.dutyOf(of);
      if (known) await known.set({ cron, timezone, enabled: enabled ?? known.record.enabled });
      else await this.add(this.recordFor(of, { cron, timezone, enabled: enabled ?? true }));
      this.look();
    });
  }

  undeclare(of: ScheduleOf): Promise<void> {
    return this.inTurn(async () => {
      const known = this.dutyOf(of);
      if (known) await this.drop(known.record.id);
    });
  }

  /** Of one service there is one schedule, whoever declares it at the same moment. */
  private inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.turn.then(act);
    this.turn = turn.catch(() => undefined);
    return turn;
  }

  private async drop(id: string): Promise<void> {
    const duty = this.duty(id);
    await duty.remove();
    this.duties.delete(id);
  }

  private dutyOf({ stack, service }: ScheduleOf): Duty | undefined {
    return [...this.duties.values()].find(({ record: { of } }) => of?.stack === stack && of.service === service);
  }

  private recordFor(of: ScheduleOf, { cron, timezone, enabled }: DutyTimes): ScheduleRecord {
    const now = this.ports.clock.now();
    const nextAt = assertFires(parseCron(cron, timezone), cron, now);
    const about = { name: `${of.stack}/${of.service}`, owner: `stack/${of.stack}`, catchUp: "one", mode: "local", run: {} } as const;
    return { id: this.ports.newId(), ...about, of, cron, timezone, enabled, createdAt: now, nextAt, missed: 0, firing: [] };
  }

  private recordOf({ cron, timezone, run, ...request }: NewSchedule, who: { owner: string; id: string }): ScheduleRecord {
    const { name, mode, enabled, catch_up: catchUp } = request;
    const now = this.ports.clock.now();
    const nextAt = assertFires(parseCron(cron, timezone), cron, now);
    this.checkRun(run, mode);
    const given = {
      ...who,
      ...(name !== undefined && { name }),
      cron,
      timezone,
      catchUp,
      mode,
      enabled,
      run: run as unknown as JsonObject,
    };
    return { ...given, createdAt: now, nextAt, missed: 0, firing: [] };
  }

  private checkRun(run: RunRequest, mode: RunMode): void {
    try {
      this.options.check(run, mode);
    } catch (error) {
      throw error instanceof OrcoError ? within("/run", error) : error;
    }
  }

  private duty(id: string): Duty {
    const found = this.duties.get(id);
    if (!found) throw noSchedule(id);
    return found;
  }

  private look(): void {
    if (this.closed || !this.started) return;
    this.cancelTimer();
    let waitMs = MAX_WAIT_MS;
    for (const duty of this.duties.values()) {
      const dutyMs = duty.waitMs();
      if (dutyMs === undefined) continue;
      if (dutyMs > 0) waitMs = Math.min(waitMs, dutyMs);
      else if (this.working < MAX_WORKING) this.begin(duty);
    }
    this.cancelTimer = this.ports.clock.after(waitMs, () => this.look());
  }

  /** Who finds no place is begun when another has ended. */
  private begin(duty: Duty): void {
    this.working += 1;
    void duty
      .work(() => this.closed)
      .then(() => {
        this.working -= 1;
        this.look();
      });
  }
}

/** The same refusal, its pointers those of the body around. */
function within(pointer: string, { code, message, facts }: OrcoError): OrcoError {
  const { errors } = facts;
  if (!Array.isArray(errors)) return new OrcoError(code, message, facts);
  const moved = errors.map((error: { pointer: string; detail: string }) => ({ ...error, pointer: pointer + error.pointer }));
  return new OrcoError(code, message, { ...facts, errors: moved });
}
