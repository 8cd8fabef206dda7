import { describe, expect, test } from "bun:test";
import type { Slot } from "../supervise/instance.ts";
import { decideAutoRollback } from "./auto-rollback.ts";
import { parseContract } from "./contract-schema.ts";
import { frontOf } from "./front.ts";
import type { AppRow } from "./record.ts";
import type { SlotName } from "./view.ts";

const contract = parseContract(
  { start_command: "app", port: 3001, internal_port: 3901, drain_timeout_ms: 700, auto_rollback: { window_ms: 60_000, max_restarts: 2 } },
  "",
);
const row: AppRow = {
  name: "blog",
  repo: "/srv/blog",
  contract: null,
  createdAt: 0,
  updatedAt: 0,
  slots: {
    blue: { run: "r1", commit: "c1", subject: "", contract, byOperator: false },
    green: { run: "r2", commit: "c2", subject: "", contract, byOperator: false, promoted: { at: 1000, run: "r2", by: "deploy" } },
  },
  live: "green",
  previous: "blue",
};

function slot(service: SlotName, change: Partial<Slot> = {}): Slot {
  return {
    id: service,
    stack: "app.blog",
    service,
    replica: 0,
    config: service === "blue" ? "r1" : "r2",
    version: "new",
    wanted: "run",
    state: "Running",
    ready: true,
    wasReady: true,
    reason: "deploy",
    restarts: 0,
    retries: 0,
    instance: `instance-${service}`,
    createdAt: 0,
    ...change,
  };
}

function targets(change: Partial<AppRow>, slots: Partial<Record<SlotName, Slot>>) {
  return frontOf({ ...row, ...change }, slots, "127.0.0.1")?.targets.map(({ id, port, state, drainTimeoutMs }) => [
    id,
    port,
    state,
    drainTimeoutMs,
  ]);
}

describe("the front of an app", () => {
  test("before anything was live there is none", () => {
    expect(frontOf({ ...row, live: undefined }, { blue: slot("blue") }, "127.0.0.1")).toBeUndefined();
  });

  test("the live slot answers, the one that left is drained, any other is not in it", () => {
    const both = { blue: slot("blue"), green: slot("green") };
    expect(targets({}, both)).toEqual([["instance-green", 3902, "active", undefined]]);
    expect(targets({ draining: "blue" }, both)).toEqual([
      ["instance-blue", 3901, "draining", 700],
      ["instance-green", 3902, "active", undefined],
    ]);
  });

  test("a live process that ended, or failed its health check, gets nothing; one that has just been swapped in does", () => {
    expect(targets({}, { green: slot("green", { state: "Pending", ready: false }) })).toEqual([]);
    expect(targets({}, { green: slot("green", { ready: false }) })).toEqual([]);
    const swappedIn = slot("green", { ready: false, wasReady: false, startedAt: 900 });
    expect(targets({}, { green: swappedIn })?.length).toBe(1);
    expect(targets({}, { green: { ...swappedIn, startedAt: 2000 } })).toEqual([]); // a new daemon has started it again: nobody has seen it healthy
    expect(targets({}, { green: slot("green", { ready: false, wasReady: false, restarts: 1 }) })).toEqual([]);
    expect(targets({}, { green: slot("green", { state: "Stopping", ready: false }) })?.[0]?.[2]).toBe("draining");
  });
});

describe("auto_rollback", () => {
  const crashed = slot("green", { state: "Pending", restarts: 2, ready: false, message: "exit code 1" });

  test("more restarts than allowed inside the window", () => {
    expect(decideAutoRollback(row, crashed, 5000)).toMatchObject({ roll: true });
    expect(decideAutoRollback(row, { ...crashed, restarts: 1 }, 5000)).toMatchObject({ roll: false });
    expect(decideAutoRollback(row, crashed, 62_000)).toMatchObject({ roll: false, why: "the window is over" });
  });

  test("not without a previous release, nor for one that a rollback brought back", () => {
    expect(decideAutoRollback({ ...row, previous: undefined }, crashed, 5000).roll).toBe(false);
    const green = { ...row.slots.green, promoted: { at: 1000, run: "r3", by: "rollback" as const } };
    expect(decideAutoRollback({ ...row, slots: { ...row.slots, green } as AppRow["slots"] }, crashed, 5000).roll).toBe(false);
  });
});
