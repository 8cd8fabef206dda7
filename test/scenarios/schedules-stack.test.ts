import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { type Rig, scenario, sharedRig } from "./rig.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const rig = sharedRig();
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A line for each run that has begun, and one for each that came to its end. */
function linesOf(stack: StackUnderTest, name: string): string[] {
  const path = join(stack.dir, name);
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
}

const scheduledRuns = async (stack: StackUnderTest) =>
  (await rig.client.runs({ kind: "scheduled", limit: 500 })).runs.filter((run) => run.stack === stack.name);

test("a scheduled service waits for its time, says when that is, and is settled meanwhile", async () => {
  const stack = rig.stack(`
    services:
      report: { command: "echo ran >> ran", schedule: { cron: "0 3 * * *", timezone: Europe/Berlin } }
      web: { command: [sleep, "1000"] }
  `);
  await stack.up();
  const report = await stack.service("report");
  expect(report).toMatchObject({ state: "Stopped", ready: false, schedule: { cron: "0 3 * * *", timezone: "Europe/Berlin" } });
  expect(report.schedule?.next).toMatch(TIME);
  expect(report.instances[0]).toMatchObject({ state: "Stopped", reason: "scheduled" });
  expect(report.message).toMatch(/^next run at (?:\d{4}-\d\d-\d\d )?03:00 Europe\/Berlin \(in .+\)$/);
  expect(linesOf(stack, "ran")).toEqual([]);
  expect(JSON.parse(await stack.ok("apply", "--dry-run", "--json"))).toMatchObject({ changes: 0 });

  await stack.ok("start", "report");
  await stack.whenService("report", "to have run", ({ message }) => /^last run completed \d+s ago; next run at /.test(message));
  expect(linesOf(stack, "ran")).toEqual(["ran"]);
});

test("each time makes one run, which ends as its service does", async () => {
  const stack = rig.stack(`
    services:
      good: { command: "echo ran >> good", schedule: "* * * * * *" }
      bad: { command: "echo ran >> bad; exit 3", schedule: "* * * * * *" }
  `);
  await stack.up();
  await until("two runs of each", () => ["good", "bad"].every((name) => linesOf(stack, name).length >= 2) || undefined, 30_000);
  const bad = await stack.whenService(
    "bad",
    "to say why",
    ({ message, schedule }) => message.startsWith("last run failed: exit code 3; next run at ") && schedule?.last && schedule,
  );
  expect(bad.last).toMatchObject({ outcome: "failed", at: expect.stringMatching(TIME) });
  await stack.ok("stop", "bad");
  await stack.ok("stop", "good");
  // The last one may just be ending.
  const isOver = ({ status }: { readonly status: string }): boolean => status !== "pending" && status !== "running";
  const runs = await until("all runs to be over", async () => {
    const all = await scheduledRuns(stack);
    return all.every(isOver) ? all : undefined;
  });
  const of = (name: string) => runs.filter((run) => run.service === name && run.status !== "canceled");
  expect(of("good").every(({ status }) => status === "completed")).toBe(true);
  expect(of("bad").every(({ status, error }) => status === "failed" && error?.message === "exit code 3")).toBe(true);
  // The last one may have said its line and been stopped then.
  for (const name of ["good", "bad"]) expect(linesOf(stack, name).length - of(name).length).toBeOneOf([0, 1]);
});

/** Begins, and ends when somebody makes the file `go`. */
const SLOW = `"echo begin >> log; while [ ! -e go ]; do sleep 0.02; done; echo end >> log"`;

function slow(overlap: string): StackUnderTest {
  return rig.stack(`
    services:
      job: { command: ${SLOW}, stop: { timeout: 1s }, schedule: { cron: "* * * * * *", overlap: ${overlap} } }
  `);
}

async function skips(stack: StackUnderTest, count: number): Promise<string[]> {
  return until(
    `${count} skipped`,
    async () => {
      const found = (await stack.history()).filter(({ type }) => type === "schedule.skipped");
      return found.length >= count ? found.map(({ reason }) => String(reason)) : undefined;
    },
    30_000,
  );
}

test("overlap skip: while a run goes on, times are passed over, and each is told", async () => {
  const stack = slow("skip");
  await stack.up();
  expect(new Set(await skips(stack, 2))).toEqual(new Set(["the run before it has not ended (overlap: skip)"]));
  expect(linesOf(stack, "log")).toEqual(["begin"]);
  stack.write("go", "");
  await until("the next", () => linesOf(stack, "log").length >= 4 || undefined, 30_000);
  await stack.ok("down");
  expect(linesOf(stack, "log").slice(0, 4)).toEqual(["begin", "end", "begin", "end"]);
});

test("overlap queue: one more run after the present one, and not two", async () => {
  const stack = slow("queue");
  await stack.up();
  expect((await skips(stack, 2))[0]).toBe("a run waits already for the one before it to end (overlap: queue keeps one)");
  const open = (await scheduledRuns(stack)).filter(({ endedAt }) => endedAt === undefined);
  expect(open.length).toBe(2);
  expect(linesOf(stack, "log")).toEqual(["begin"]);
  await stack.ok("stop", "job");
  await until("neither to go on", async () => (await scheduledRuns(stack)).every(({ endedAt }) => endedAt !== undefined) || undefined);
  expect(linesOf(stack, "log")).toEqual(["begin"]);
});

test("overlap replace: the present run is stopped, and the next one begins", async () => {
  const stack = slow("replace");
  await stack.up();
  await until("three to have begun", () => linesOf(stack, "log").length >= 3 || undefined, 30_000);
  await stack.ok("stop", "job");
  expect(linesOf(stack, "log").every((line) => line === "begin")).toBe(true);
  const replaced = (await scheduledRuns(stack)).filter(({ status }) => status === "canceled");
  expect(replaced.length).toBeGreaterThanOrEqual(2);
  expect(replaced.at(-1)?.error?.message).toBe("its next run replaces it (overlap: replace)");
});

test("a stop by hand pauses it, start goes on; the stack file owns it, and what it no longer declares is gone", async () => {
  const job = (schedule: string): string => `
    services:
      job: { command: "echo ran >> ran"${schedule} }
      web: { command: [sleep, "1000"] }
  `;
  const stack = rig.stack(job(`, schedule: "* * * * * *"`));
  await stack.up();
  await until("a run", () => linesOf(stack, "ran").length > 0 || undefined, 30_000);
  await stack.ok("stop", "job");
  const before = linesOf(stack, "ran").length;
  const paused = await stack.service("job");
  expect(paused.message).toContain("paused; orco start job runs it");
  expect(paused.schedule?.next).toBeUndefined();

  const listed = (await rig.client.schedules({})).find((one) => one.stack === stack.name);
  expect(listed).toMatchObject({ service: "job", enabled: false, cron: "* * * * * *" });
  const refused = await stack.orco("schedule", "remove", listed?.id ?? "");
  expect([refused.code, refused.err]).toEqual([5, expect.stringContaining("whose file declares it")]);

  await stack.ok("apply");
  expect((await stack.service("job")).message).toContain("paused");
  expect(linesOf(stack, "ran").length).toBe(before);
  await stack.ok("start", "job");
  await until("runs again", () => linesOf(stack, "ran").length >= before + 2 || undefined, 30_000);

  stack.edit(job(`, schedule: { cron: "0 4 * * *", overlap: queue }`));
  await stack.ok("apply");
  expect((await stack.service("job")).message).toContain("next run at");
  expect((await stack.service("job")).schedule?.cron).toBe("0 4 * * *");
  expect((await rig.client.schedules({})).filter((one) => one.stack === stack.name).length).toBe(1);

  stack.edit(job(", restartPolicy: { condition: never }"));
  await stack.ok("apply");
  expect((await rig.client.schedules({})).some((one) => one.stack === stack.name)).toBe(false);
  expect((await stack.service("job")).schedule).toBeUndefined();
  stack.edit(job(`, schedule: "0 5 * * *"`));
  await stack.ok("apply");
  expect((await rig.client.schedules({})).some((one) => one.stack === stack.name)).toBe(true);
  await stack.ok("down");
  expect((await rig.client.schedules({})).some((one) => one.stack === stack.name)).toBe(false);
});

/** A firing as a daemon leaves it that dies between the decision and the run: on disk, its run not made. */
function decide(rig: Rig, stack: string, run: string): void {
  const db = new Database(join(rig.home, "orco.db"));
  const rows = db.query("SELECT id, row FROM schedules").all() as { id: string; row: string }[];
  for (const { id, row } of rows) {
    const record = JSON.parse(row) as { of?: { stack: string }; createdAt: number };
    if (record.of?.stack !== stack) continue;
    const firing = [{ at: record.createdAt, run, since: Date.now() }];
    db.query("UPDATE schedules SET row = ? WHERE id = ?").run(JSON.stringify({ ...record, firing }), id);
  }
  db.close();
}

scenario("a daemon that is killed between decision and run, and after it: exactly once", async (own) => {
  const stack = own.stack(`
    services:
      job: { command: "echo ran >> ran", schedule: "0 0 1 1 *" }
  `);
  await stack.up();
  const run = Bun.randomUUIDv7();
  for (const _ of ["before the run", "after it"]) {
    await own.killDaemon();
    decide(own, stack.name, run);
    await own.serve();
    await own.client.waitRun(run);
    await stack.event("its firing", (event) => event.type === "schedule.fired" && event["runId"] === run);
  }
  expect(linesOf(stack, "ran")).toEqual(["ran"]);
  expect((await own.client.runs({ kind: "scheduled" })).runs.map(({ id, status }) => [id, status])).toEqual([[run, "completed"]]);
});

scenario("however a daemon is killed, each time has one run, and no two run at once", async (own) => {
  const stack = own.stack(`
    services:
      job: { command: "echo begin >> log; sleep 0.1; echo end >> log", schedule: { cron: "* * * * * *", overlap: queue } }
  `);
  await stack.up();
  for (let n = 0; n < 5; n++) {
    const many = linesOf(stack, "log").length;
    await until("the next run", () => linesOf(stack, "log").length > many || undefined, 30_000);
    await own.killDaemon();
    await own.serve();
  }
  await stack.ok("stop", "job");
  const events = await stack.history();
  const fired = events.filter(({ type }) => type === "schedule.fired");
  const times = events.filter(({ type }) => type === "schedule.fired" || type === "schedule.skipped").map(({ at }) => at);
  expect(new Set(times).size).toBe(times.length);
  const { runs } = await own.client.runs({ kind: "scheduled", limit: 500 });
  expect(runs.map(({ id }) => id).sort()).toEqual(fired.map(({ runId }) => String(runId)).sort());
  const log = linesOf(stack, "log");
  expect(log.filter((line, n) => line === "begin" && log[n + 1] === "begin")).toEqual([]);
  // A run that was stopped by hand before it began has no line.
  const begun = log.filter((line) => line === "begin").length;
  expect([runs.length, runs.length - 1, runs.length - 2]).toContain(begun);
});
