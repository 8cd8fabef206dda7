import { afterEach, expect, test } from "bun:test";
import { until } from "../../../test/until.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { uuidv7 } from "../../kernel/id.ts";
import type { Journal } from "../../kernel/journal.ts";
import { refused, Scratch } from "../../kernel/journal-fixture.ts";
import { type NewSchedule, ScheduleBody } from "./body.ts";
import type { FireRequest } from "./fire.ts";
import { Schedules, type SchedulesPorts } from "./schedules.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const open: Scratch[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one[Symbol.dispose]();
});

/** A daemon's schedules on a journal of its own; runs are made as the book makes them. */
class Place {
  readonly scratch = new Scratch();
  readonly errors: unknown[] = [];
  readonly made: FireRequest[] = [];
  /** Consulted before a run is made. */
  onFire: (request: FireRequest) => void = () => undefined;
  journal: Journal;
  schedules: Schedules;

  constructor() {
    open.push(this.scratch);
    this.journal = this.scratch.open();
    this.schedules = this.begin();
  }

  begin(over: Partial<SchedulesPorts> = {}): Schedules {
    const { clock } = this.scratch;
    const schedules = new Schedules({
      journal: this.journal,
      clock,
      newId: () => uuidv7(clock),
      check: ({ external }) => {
        if (external === false) throw new OrcoError("invalid", "no", { errors: [{ pointer: "/external", detail: "no" }] });
      },
      fire: (request) => this.make(request),
      onError: (error) => this.errors.push(error),
      ...over,
    });
    schedules.load();
    schedules.start();
    return schedules;
  }

  async make(request: FireRequest): Promise<void> {
    this.onFire(request);
    const sql = "INSERT INTO runs (id, kind, lane, status, row, created_at, engine) VALUES (?, 'plan', 'l', 'pending', '{}', ?, 'plan')";
    await this.journal.append([{ topic: `run/${request.id}`, type: "run.pending", data: {} }], [{ sql, params: [request.id, request.at] }]);
    this.made.push(request);
  }

  /** As kill -9 would: what is not on disk is gone. */
  crash(): void {
    void this.schedules.close();
    this.journal.close();
    this.journal = this.scratch.open();
  }

  create(over: Partial<NewSchedule> = {}): ReturnType<Schedules["create"]> {
    return this.schedules.create(ScheduleBody.parse({ cron: "* * * * *", run: { external: true }, ...over }), "me");
  }

  /** Minutes go by, each with its firings. */
  async pass(minutes: number): Promise<void> {
    for (let n = 0; n < minutes; n++) {
      await this.scratch.clock.advance(MINUTE);
      await this.schedules.quiet();
    }
  }

  runs(): number {
    return this.journal.query("SELECT id FROM runs").length;
  }

  events(id: string): string[] {
    return this.journal.read({ topic: `schedule/${id}`, limit: 10_000 }).map(({ type }) => type.replace("schedule.", ""));
  }
}

test("a schedule fires at its times, and says so", async () => {
  const place = new Place();
  const { id } = await place.create({ name: "nightly" });
  expect(place.schedules.get(id)).toEqual({
    id,
    name: "nightly",
    cron: "* * * * *",
    timezone: "UTC",
    catch_up: "one",
    mode: "local",
    run: { external: true },
    enabled: true,
    createdAt: "2026-01-01T00:00:00.000Z",
    next_at: "2026-01-01T00:01:00.000Z",
    missed: 0,
  });
  await place.pass(3);
  expect(place.made.map(({ at, owner, scheduleId }) => [at - Date.UTC(2026, 0, 1), owner, scheduleId])).toEqual(
    [1, 2, 3].map((n) => [n * MINUTE, "me", id]),
  );
  expect(place.schedules.get(id)).toMatchObject({
    next_at: "2026-01-01T00:04:00.000Z",
    last_fired_at: "2026-01-01T00:03:00.000Z",
    last_run_id: place.made.at(-1)?.id ?? "",
    missed: 0,
  });
  expect(place.events(id)).toEqual(["created", "fired", "fired", "fired"]);
  await place.schedules.remove(id);
  await place.pass(2);
  expect([place.runs(), place.events(id).at(-1), place.scratch.clock.pendingTimers]).toEqual([3, "removed", 1]);
  expect((await refused(() => place.schedules.get(id))).code).toBe("not_found");
  await place.schedules.close();
  expect([place.errors, place.scratch.clock.pendingTimers]).toEqual([[], 0]);
});

test("what no daemon was there for is made up for as wished, and the schedule goes on", async () => {
  for (const [catchUp, runs, missed] of [
    ["skip", 0, 10],
    ["one", 1, 9],
    ["all", 10, 0],
  ] as const) {
    const place = new Place();
    const { id } = await place.create({ catch_up: catchUp });
    place.crash();
    await place.scratch.clock.advance(10 * MINUTE);
    place.schedules = place.begin();
    await place.schedules.quiet();
    expect([catchUp, place.runs(), place.schedules.get(id).missed]).toEqual([catchUp, runs, missed]);
    await place.pass(2);
    expect([catchUp, place.runs()]).toEqual([catchUp, runs + 2]);
    await place.schedules.close();
  }
});

test("a crash before, between and after the making of runs neither loses nor doubles one", async () => {
  for (const at of [0, 1, 17, 40]) {
    const place = new Place();
    await place.create({ catch_up: "all" });
    place.crash();
    await place.scratch.clock.advance(50 * MINUTE);
    let left = at;
    const dead = Promise.withResolvers<never>();
    dead.promise.catch(() => undefined);
    const reached = Promise.withResolvers<void>();
    place.schedules = place.begin({
      fire: async (request) => {
        if (left-- > 0) return place.make(request);
        reached.resolve();
        return dead.promise;
      },
    });
    await reached.promise;
    const journal = place.journal;
    await until("some are made", () => journal.query("SELECT 1 FROM runs").length >= Math.min(at, 32));
    place.crash();
    place.schedules = place.begin();
    await place.schedules.quiet();
    expect([at, place.runs(), new Set(place.made.map((one) => one.at)).size, place.made.length]).toEqual([at, 50, 50, 50]);
    dead.reject(new Error("the daemon is dead"));
    await place.schedules.close();
  }
});

test("what cannot be made now is made later; what never can is said and left", async () => {
  const place = new Place();
  const { id } = await place.create();
  let tries = 0;
  place.onFire = () => {
    if (++tries < 3) throw new OrcoError("unavailable", "redis is away");
  };
  await place.scratch.clock.advance(MINUTE);
  await until("it is tried", () => tries === 1);
  await until("it is tried again", async () => {
    await place.scratch.clock.advance(1000);
    return place.runs() === 1;
  });
  expect(tries).toBe(3);
  place.onFire = () => {
    throw new OrcoError("busy", "its lane is full");
  };
  await place.pass(1);
  await until("it is said", () => place.events(id).includes("failed"));
  expect(place.runs()).toBe(1);
  const failed = place.journal.read({ topic: `schedule/${id}` }).find(({ type }) => type === "schedule.failed");
  expect(failed?.data).toMatchObject({ code: "busy", message: "its lane is full", scheduleId: id });
  await place.schedules.close();
});

test("a clock that jumps a day ahead and back makes no storm, and does not fall silent", async () => {
  const place = new Place();
  const { clock } = place.scratch;
  await place.create({ catch_up: "all" });
  await place.pass(2);
  clock.jumpWall(DAY);
  await place.pass(2);
  const ahead = place.runs();
  expect(ahead).toBeGreaterThanOrEqual(4);
  expect(ahead).toBeLessThanOrEqual(5);
  clock.jumpWall(-DAY);
  await place.pass(4);
  expect(place.runs() - ahead).toBeGreaterThanOrEqual(2);
  expect(place.runs() - ahead).toBeLessThanOrEqual(4);
  await place.schedules.close();
});

test("one that is not enabled does not fire; bodies that are wrong are refused with their place", async () => {
  const place = new Place();
  const { id } = await place.create({ enabled: false });
  expect(place.schedules.get(id).next_at).toBeUndefined();
  await place.pass(3);
  expect(place.runs()).toBe(0);
  const pointer = async (over: Partial<NewSchedule>): Promise<unknown> => {
    const { facts } = await refused(() => place.create(over));
    return (facts["errors"] as { pointer: string }[])[0]?.pointer;
  };
  expect(await pointer({ cron: "0 0 30 2 *" })).toBe("/cron");
  expect(await pointer({ timezone: "Nowhere" })).toBe("/timezone");
  expect(await pointer({ run: { external: false } })).toBe("/run/external");
  expect(place.schedules.list({ limit: 10 })).toHaveLength(1);
  await place.schedules.close();
});

test("lists are newest first, in pages, and the same after a restart", async () => {
  const place = new Place();
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.unshift((await place.create()).id);
  place.crash();
  place.schedules = place.begin();
  const first = place.schedules.list({ limit: 2 }).map(({ id }) => id);
  expect([...first, ...place.schedules.list({ limit: 10, before: first[1] ?? "" }).map(({ id }) => id)]).toEqual(ids);
  await place.schedules.close();
});

test("many schedules fire together from one timer", async () => {
  const place = new Place();
  await Promise.all(Array.from({ length: 100 }, () => place.create()));
  expect(place.scratch.clock.pendingTimers).toBe(1);
  await place.scratch.clock.advance(MINUTE);
  await until("all have fired", () => place.runs() === 100);
  await place.schedules.quiet();
  expect(place.scratch.clock.pendingTimers).toBe(1);
  await place.schedules.close();
});
