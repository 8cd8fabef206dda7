import { expect, test } from "bun:test";
import { brief, loadText, oneService, problems, withServices } from "./load-text.ts";

test("a schedule is a cron string or a mapping; what it starts ends by itself", () => {
  expect(oneService("command: [x]\nschedule: '0 3 * * *'")).toMatchObject({
    schedule: { cron: "0 3 * * *", overlap: "skip" },
    restartPolicy: { condition: "never" },
  });
  expect(
    oneService("command: [x]\nrestartPolicy: {condition: on-failure}\nschedule: {cron: '@daily', timezone: Europe/Berlin, overlap: queue}"),
  ).toMatchObject({
    schedule: { cron: "@daily", timezone: "Europe/Berlin", overlap: "queue" },
    restartPolicy: { condition: "on-failure" },
  });
});

test.each([
  ["'0 3 * *'", '6:15 services.a.schedule: cron: "0 3 * *" has 4 fields; five are needed'],
  ["'61 3 * * *'", "6:15 services.a.schedule: cron: field 1 (minute), column 1"],
  ["{cron: '0 0 31 2 *'}", '6:22 services.a.schedule.cron: cron: "0 0 31 2 *" never fires'],
  ["{cron: '@daily', timezone: Mars}", '6:42 services.a.schedule.timezone: timezone: "Mars" is no IANA time zone'],
  ["{cron: '@daily', overlap: both}", "expected one of skip, queue, replace"],
  ["'@daily'\nreplicas: 2", "2 replicas of a scheduled service"],
  ["'@daily'\nrestartPolicy: {condition: always}", "a has a schedule, but is started again whenever it ends"],
])("%s is refused", (schedule, message) => {
  expect(problems(`command: [x]\nschedule: ${schedule}`)[0]).toContain(message);
});

test("who waits for it to run is warned of", () => {
  const waiting = (require: string): string[] =>
    loadText(
      withServices(`job: {command: [x], schedule: '@daily'}\nb: {command: [x], dependsOn: [{target: job, require: ${require}}]}`),
    ).diagnostics.map(brief);
  expect(waiting("ready")).toEqual([expect.stringContaining("b waits for job to be ready, which runs only when its schedule says so")]);
  expect(waiting("started")).toHaveLength(1);
  expect([...waiting("completed"), ...waiting("exists")]).toEqual([]);
});

test("a budget of restarts", () => {
  const load = (budget: string): ReturnType<typeof loadText> =>
    loadText(`version: 0.1\nstack: {name: x, restartBudget: ${budget}}\nservices: {a: {command: [x]}}`);
  expect(load("{restarts: 3}").spec?.restartBudget).toEqual({ restarts: 3, windowMs: 10_000 });
  expect(load("{restarts: 3, window: 1m}").spec?.restartBudget).toEqual({ restarts: 3, windowMs: 60_000 });
  expect(load("{restarts: 0}").diagnostics.map(brief)).toEqual([
    '2:44 stack.restartBudget.restarts: expected a whole number from 1, got the number "0"',
  ]);
});
