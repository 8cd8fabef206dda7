import { expect, test } from "bun:test";
import type { Slot } from "../../supervise/instance.ts";
import { deathOf, type Ended, loopAtSight } from "./death.ts";
import { failedRun } from "./stack-failure.ts";

const ENDED: Ended = { status: "restarting", exitCode: 1, oomKilled: false, policy: "always", maxRetries: 0, restartCount: 0 };

test("a container that ends by itself has failed, unless it has done its work and nobody starts it again", () => {
  expect(deathOf(ENDED)).toEqual({ gaveUp: false, how: "exit code 1" });
  expect(deathOf({ ...ENDED, oomKilled: true, exitCode: 137 })?.how).toBe("a kill for want of memory");
  expect(deathOf({ ...ENDED, exitCode: 0 })).toEqual({ gaveUp: false, how: "exit code 0" });
  for (const policy of ["no", "", "on-failure"]) expect(deathOf({ ...ENDED, exitCode: 0, policy })).toBeUndefined();
});

test("at sight only what is plainly a loop, or its end, is told", () => {
  const tried = { ...ENDED, policy: "on-failure", maxRetries: 2, restartCount: 2 };
  expect(loopAtSight(ENDED)).toBeUndefined();
  expect(loopAtSight({ ...ENDED, restartCount: 5 })).toMatchObject({ gaveUp: true, how: expect.stringContaining("5 times") });
  expect(loopAtSight({ ...ENDED, restartCount: 5, status: "running" })).toBeUndefined();
  expect(loopAtSight({ ...tried, status: "exited" })).toMatchObject({ gaveUp: true });
  expect(loopAtSight({ ...tried, status: "exited", exitCode: 0 })).toBeUndefined();
  expect(loopAtSight({ ...tried, status: "running" })).toBeUndefined();
});

const SLOT: Slot = {
  id: "s1",
  stack: "s",
  service: "api",
  replica: 0,
  config: "c",
  version: "new",
  wanted: "run",
  ready: false,
  state: "Pending",
  reason: "instance_crash",
  message: "exit code 3; restarting in 1.2s",
  restarts: 0,
  retries: 1,
  nextStartAt: 5000,
  instance: "i1",
  createdAt: 1,
  startedAt: 2,
};

test("a run of a slot has failed when its policy counts it, or gives up", () => {
  expect(failedRun(SLOT)).toEqual({ run: "i1", gaveUp: false, how: "exit code 3", beganAt: 2 });
  expect(failedRun({ ...SLOT, state: "Failed", reason: "retries_exhausted" })).toMatchObject({ gaveUp: true });
  const none: Partial<Slot>[] = [
    { state: "Running" },
    { state: "Stopped" },
    { wanted: "stop" },
    { retries: 0 },
    { instance: undefined },
    { nextStartAt: undefined },
    { reason: "restart" },
    { reason: "removed" },
    { state: "Failed", reason: "dependency_blocked" },
  ];
  for (const other of none) expect([other, failedRun({ ...SLOT, ...other })]).toEqual([other, undefined]);
});
