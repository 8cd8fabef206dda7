import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Scratch } from "../kernel/journal-fixture.ts";
import type { Journal } from "../kernel/journal.ts";
import { until } from "../../test/until.ts";
import { RepairFiles } from "./files.ts";
import { type KeepBounds, RepairRetention, toForget } from "./retention.ts";

const DAY_MS = 86_400_000;
const BOUNDS: KeepBounds = { keepDays: 30, keep: 1000, breakerMs: 3_600_000 };

/** Repairs, each with a row, a run, a step, an event and an artifact. */
class Shelf {
  readonly journal: Journal;
  readonly files: RepairFiles;

  constructor(private readonly scratch: Scratch) {
    this.journal = scratch.open();
    this.files = new RepairFiles(join(scratch.folder, "artifacts"));
  }

  async put(run: string, endedAgoMs: number | null, retryOf?: string): Promise<void> {
    const endedAt = endedAgoMs === null ? null : this.scratch.clock.now() - endedAgoMs;
    const row = JSON.stringify({ id: run, ...(retryOf !== undefined && { retryOf }) });
    await this.journal.append(
      [{ topic: `run/${run}`, type: "repair.step", data: {} }],
      [
        { sql: "INSERT INTO repairs (run, lane, ended_at, row) VALUES (?, 'l', ?, ?)", params: [run, endedAt, row] },
        { sql: "INSERT INTO runs (id, kind, lane, status, row, created_at) VALUES (?, 'repair', 'l', 'x', '{}', 0)", params: [run] },
        { sql: "INSERT INTO run_steps (run, name, row) VALUES (?, 'patch', '{}')", params: [run] },
      ],
    );
    this.files.put(run, "patch.diff", "diff");
  }

  keeper(bounds: Partial<KeepBounds> = {}): RepairRetention {
    const { journal, files, scratch } = this;
    return new RepairRetention({ ...BOUNDS, ...bounds, journal, files, clock: scratch.clock, log: (message) => expect(message).toBe("") });
  }

  /** What is left of a run: artifacts, row, run, step, events. */
  left(run: string): string {
    const has = (sql: string) => this.journal.query(sql, [run]).length > 0;
    return [
      existsSync(join(this.files.root, run)) && "artifacts",
      has("SELECT 1 FROM repairs WHERE run = ?") && "row",
      has("SELECT 1 FROM runs WHERE id = ?") && "run",
      has("SELECT 1 FROM run_steps WHERE run = ?") && "step",
      this.journal.read({ topic: `run/${run}` }).length > 0 && "events",
    ]
      .filter(Boolean)
      .join(" ");
  }
}

const ALL = "artifacts row run step events";

test("what ended long ago goes with all that is of it; what is under way stays, however old, and what a retry under way takes from", async () => {
  using scratch = new Scratch();
  const shelf = new Shelf(scratch);
  await shelf.put("old", 31 * DAY_MS);
  await shelf.put("young", 29 * DAY_MS);
  await shelf.put("source", 40 * DAY_MS);
  await shelf.put("retry", null, "source");
  expect(await shelf.keeper().sweep()).toBe(1);
  expect(["old", "young", "source", "retry"].map((run) => shelf.left(run))).toEqual(["", ALL, ALL, ALL]);
  expect(await shelf.keeper().sweep()).toBe(0);
});

test("of too many the oldest go; rows that the breaker looks at stay a while without their artifacts", async () => {
  using scratch = new Scratch();
  const shelf = new Shelf(scratch);
  for (let n = 1; n <= 120; n++) await shelf.put(`r${String(n).padStart(3, "0")}`, (200 - n) * 60_000);
  await shelf.put("open", null);
  expect(await shelf.keeper({ keep: 10 }).sweep()).toBe(110);
  expect([shelf.left("r110"), shelf.left("r111"), shelf.left("r120"), shelf.left("open")]).toEqual(["", ALL, ALL, ALL]);
  const keeper = shelf.keeper({ keep: 5, breakerMs: 2 * 3_600_000 });
  expect(await keeper.sweep()).toBe(0);
  expect([shelf.left("r115"), shelf.left("r116")]).toEqual(["row run step events", ALL]);
  scratch.clock.jumpWall(2 * 3_600_000);
  expect(await keeper.sweep()).toBe(5);
  expect(shelf.left("r115")).toBe("");
});

test("it looks once a minute until it is stopped", async () => {
  using scratch = new Scratch();
  const shelf = new Shelf(scratch);
  await shelf.put("old", 31 * DAY_MS);
  const keeper = shelf.keeper();
  keeper.start();
  await scratch.clock.advance(60_000);
  await until("the sweep", () => shelf.left("old") === "" || undefined);
  await until("the next turn", () => scratch.clock.pendingTimers === 1 || undefined);
  keeper.stop();
  expect(scratch.clock.pendingTimers).toBe(0);
});

test("whatever the bounds, the newest that are to be kept stay, and nothing goes that is neither old nor too much", () => {
  const ends = fc.array(fc.nat(60 * DAY_MS), { maxLength: 60 }).map((ages) => ages.toSorted((a, b) => b - a));
  const now = 100 * DAY_MS;
  fc.assert(
    fc.property(ends, fc.nat(70), fc.integer({ min: 1, max: 40 }), (ages, keep, keepDays) => {
      const ended = ages.map((age, at) => ({ run: String(at), endedAt: now - age }));
      const { artifacts, whole } = toForget(ended, { ...BOUNDS, keep, keepDays, now, excess: ended.length - keep });
      const stays = ended.filter(({ run }) => !artifacts.includes(run));
      expect(stays.length).toBeLessThanOrEqual(keep);
      expect(stays.every(({ endedAt }) => now - endedAt <= keepDays * DAY_MS)).toBe(true);
      const young = ended.filter(({ endedAt }) => now - endedAt <= keepDays * DAY_MS);
      expect(stays.length).toBe(Math.min(keep, young.length));
      expect(whole.every((run) => artifacts.includes(run))).toBe(true);
    }),
  );
});

test("one whose files cannot be removed keeps its row, and keeps no other from going", async () => {
  using scratch = new Scratch();
  const shelf = new Shelf(scratch);
  await shelf.put("stuck", 40 * DAY_MS);
  await shelf.put("old", 39 * DAY_MS);
  const said: string[] = [];
  const remove = (run: string): void => {
    if (run === "stuck") throw new Error("EACCES");
    shelf.files.remove(run);
  };
  const { journal } = shelf;
  const keeper = new RepairRetention({ ...BOUNDS, journal, files: { remove }, clock: scratch.clock, log: (message) => said.push(message) });
  expect(await keeper.sweep()).toBe(1);
  expect([shelf.left("stuck"), shelf.left("old")]).toEqual([ALL, ""]);
  expect(said).toEqual(["retention of repairs: the artifacts of stuck cannot be removed: EACCES"]);
});
