import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../kernel/event.ts";
import { runFrame } from "./run-frames.ts";

const TS = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const frameOf = (type: string, data: JsonObject) => runFrame({ topic: "run/r1", type, data, seq: 70, topicSeq: 3, ts: TS });
const NUMBERS = { runId: "r1", seq: 70, n: 3 };

describe("an event of a run on the wire", () => {
  test.each([
    ["run.queued", "queued", "pending"],
    ["run.started", "running", "running"],
    ["run.pending", "pending", "pending"],
    ["run.paused", "paused", "paused"],
    ["run.cancelling", "running", "running"],
    ["run.unwinding", "running", "running"],
    ["run.completed", "completed", "completed"],
    ["run.failed", "failed", "failed"],
    ["run.cancelled", "cancelled", "canceled"],
    ["run.canceled", "canceled", "canceled"],
  ])("%s is a status: %s is %s", (type, status, wire) => {
    const { event, data } = frameOf(type, { run: "r1", kind: "apply", status });
    expect(event).toBe("status");
    expect(data).toEqual({ ...NUMBERS, kind: "apply", status: wire, ts: new Date(TS).toISOString(), event_type: type });
  });

  test("a status says why: its reason, or the code of its error", () => {
    expect(frameOf("run.failed", { status: "failed", code: "blocked", message: "no" }).data).toMatchObject({
      reason: "blocked",
      message: "no",
    });
    expect(frameOf("run.paused", { status: "paused", reason: "asked" }).data).toMatchObject({ reason: "asked" });
  });

  test("a step has its attempt, the first where none is told", () => {
    expect(frameOf("step.running", { step: "build", status: "running", attempt: 2 })).toMatchObject({
      event: "step",
      data: { ...NUMBERS, step: "build", status: "running", attempt: 2, event_type: "step.running" },
    });
    expect(frameOf("step.undone", { step: "build", status: "undone" }).data).toMatchObject({ attempt: 1, status: "undone" });
    expect(frameOf("step.canceled", { step: "build", status: "cancelled" }).data).toMatchObject({ status: "canceled" });
  });

  test("a checkpoint is the Checkpoint and the numbers, whatever its own data is called", () => {
    const checkpoint = {
      id: "c1",
      runId: "r1",
      ts: "2026-01-01T00:00:00.000Z",
      type: "progress",
      data: { seq: 9, n: 9 },
      step: "build",
      attempt: 1,
    };
    expect(frameOf("checkpoint", checkpoint)).toEqual({ event: "checkpoint", data: { ...checkpoint, seq: 70, n: 3 } });
  });

  test("progress and what has no name of its own are lines of a log", () => {
    expect(frameOf("run.progress", { message: "half", percent: 50 })).toMatchObject({
      event: "log",
      data: { ...NUMBERS, message: "half", percent: 50 },
    });
    expect(frameOf("step.progress", { step: "build", message: "half" })).toMatchObject({
      event: "log",
      data: { step: "build", message: "half" },
    });
    expect(frameOf("run.signal", { name: "go" })).toMatchObject({ event: "log", data: { message: "run.signal", name: "go" } });
    expect(frameOf("artifact.stored", { name: "a.txt" })).toMatchObject({
      event: "log",
      data: { message: "artifact.stored", name: "a.txt" },
    });
  });

  test("a repair tells its steps and where it stands by names of its own", () => {
    expect(frameOf("repair.step", { step: "build", status: "in_progress", attempt: 2, message: "m" })).toMatchObject({
      event: "step",
      data: { ...NUMBERS, step: "build", status: "in_progress", attempt: 2, message: "m", event_type: "repair.step" },
    });
    expect(frameOf("repair.status", { status: "queued" })).toMatchObject({ event: "status", data: { ...NUMBERS, status: "queued" } });
    expect(frameOf("repair.output", { step: "build", message: "a\nb" })).toMatchObject({
      event: "log",
      data: { ...NUMBERS, step: "build", message: "a\nb" },
    });
  });

  test("no data replaces whose it is", () => {
    expect(frameOf("run.progress", { runId: "other", seq: 1, n: 1, ts: "x", event_type: "y" }).data).toMatchObject({
      ...NUMBERS,
      event_type: "run.progress",
    });
  });
});
