import { expect, test } from "bun:test";
import { Settling } from "../verify/settling.ts";
import { changedOthers } from "./others.ts";
import type { OtherInstance, StackInstance } from "./port.ts";
import { isKept, stateOf } from "./state.ts";

const RUNNING: StackInstance = {
  state: "Running",
  wanted: "run",
  ready: true,
  wasReady: true,
  isProbed: false,
  reason: "probe_ready",
  restarts: 0,
  startedAt: 1000,
  version: "a",
  container: "c1",
};
const CRASHED = {
  ...RUNNING,
  state: "Pending",
  ready: false,
  reason: "instance_crash",
  restarts: 2,
  exit: { code: 3, oomKilled: false, at: 2000 },
} as const;

test("an instance is told as docker would tell of a container", () => {
  expect(stateOf(RUNNING, "sha256:1")).toMatchObject({
    status: "running",
    error: "",
    imageId: "sha256:1",
    startedAt: "1970-01-01T00:00:01.000Z",
  });
  expect(stateOf(CRASHED)).toMatchObject({ status: "restarting", exitCode: 3, restartCount: 2 });
  expect(stateOf({ ...CRASHED, state: "Failed" }).status).toBe("exited");
  expect(stateOf({ ...CRASHED, exit: { oomKilled: true, at: 1 } })).toMatchObject({ oomKilled: true, exitCode: 137 });
  expect(stateOf({ ...RUNNING, state: "Pending", ready: false }).status).toBe("created");
  const refused = { ...CRASHED, reason: "start_failed", message: 'docker: exec: "x": executable file not found in $PATH' };
  expect(stateOf(refused).error).toContain("executable file not found");
});

test("its probes are its healthcheck", () => {
  const probed = { ...RUNNING, isProbed: true };
  expect(stateOf(RUNNING).health).toBeUndefined();
  expect(stateOf(probed).health?.status).toBe("healthy");
  expect(stateOf({ ...probed, ready: false }).health?.status).toBe("unhealthy");
  expect(stateOf({ ...probed, ready: false, wasReady: false }).health?.status).toBe("starting");
});

test("one that is started anew does not settle, one that has given up never will", () => {
  const settling = new Settling(100);
  expect(settling.saw(stateOf(RUNNING), 0).ok).toBe(false);
  expect(settling.saw(stateOf({ ...RUNNING, restarts: 1, startedAt: 2000 }), 200).ok).toBe(false);
  expect(settling.saw(stateOf({ ...CRASHED, state: "Failed" }), 300)).toMatchObject({ ok: false, final: true });
  expect([isKept(RUNNING), isKept(CRASHED), isKept({ ...CRASHED, state: "Failed" }), isKept({ ...RUNNING, wanted: "stop" })]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("others that were started anew by their own policy are told apart from those that were replaced", () => {
  const one = (slot: string, more: Partial<OtherInstance> = {}): OtherInstance => ({
    slot,
    service: slot,
    version: "v",
    instance: "1",
    startedByItself: false,
    ...more,
  });
  const before = [one("same"), one("gone"), one("crashed"), one("updated"), one("restarted")];
  const after = [
    one("same"),
    one("crashed", { instance: "2", startedByItself: true }),
    one("updated", { version: "w" }),
    one("restarted", { instance: "2" }),
    one("new"),
  ];
  expect(changedOthers(before, after)).toEqual({ changed: ["gone", "updated", "restarted"], byThemselves: ["crashed"] });
});
