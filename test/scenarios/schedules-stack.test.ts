import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../until.ts";
import { sharedRig } from "./rig.ts";
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
  await until("two runs of each", () => ["good", "bad"].every((name) => linesOf(stack, name).length >= 2) || undefined, 15_000);
  const bad = await stack.whenService(
    "bad",
    "to say why",
    ({ message, schedule }) => /^last run failed: exit code 3; next run at /.test(message) && schedule?.last && schedule,
  );
  expect(bad.last).toMatchObject({ outcome: "failed", at: expect.stringMatching(TIME) });
  await stack.ok("stop", "bad");
  await stack.ok("stop", "good");
  const runs = await scheduledRuns(stack);
  const of = (name: string) => runs.filter((run) => run.service === name && run.status !== "canceled");
  expect(of("good").every(({ status }) => status === "completed")).toBe(true);
  expect(of("bad").every(({ status, error }) => status === "failed" && error?.message === "exit code 3")).toBe(true);
  expect(of("good").length).toBe(linesOf(stack, "good").length);
  expect(of("bad").length).toBe(linesOf(stack, "bad").length);
});
