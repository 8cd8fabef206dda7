import { describe, expect, test } from "bun:test";
import { isSampled } from "../kernel/otel/context.ts";
import type { SpanData } from "../kernel/otel/span.ts";
import { dispatchSpanId, ownTraceparent, runSpanId, runTrace, stepSpanId, stepTraceparent } from "./trace-context.ts";
import { RunSpans } from "./trace-spans.ts";

const GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe("trace context", () => {
  test("of a step is in the trace of who created the run, and the same in every daemon", () => {
    const run = { id: "r1", traceparent: GIVEN };
    expect(stepTraceparent(run, "build", 2)).toBe(`00-0af7651916cd43dd8448eb211c80319c-${dispatchSpanId("r1", "build", 2)}-01`);
    expect(stepTraceparent({ id: "r1" }, "build", 1)).toBeUndefined();
    expect(ownTraceparent({ id: "r1" }, "build", 1)).toBe(ownTraceparent({ id: "r1" }, "build", 1));
    const ids = [runSpanId("r1"), stepSpanId("r1", "a"), stepSpanId("r1", "b"), dispatchSpanId("r1", "a", 1), dispatchSpanId("r1", "a", 2)];
    expect(new Set(ids).size).toBe(ids.length);
    expect(isSampled(runTrace({ id: "r1", traceparent: GIVEN.replace(/01$/, "00") }))).toBe(false);
  });
});

describe("spans", () => {
  const RUN = { id: "r1", name: "nightly", kind: "plan", mode: "local", createdAt: 100 };
  const told = (type: string, ts: number, data: Record<string, string | number> = {}) => ({ type, ts, data });

  function spansOf(events: ReturnType<typeof told>[], traceparent?: string): SpanData[] {
    const spans = new RunSpans({ ...RUN, trace: runTrace({ id: "r1", ...(traceparent !== undefined && { traceparent }) }) });
    return events.flatMap((event) => spans.take(event));
  }

  test("of a run, its steps and their executions, from the times on record", () => {
    const found = spansOf(
      [
        told("run.pending", 100),
        told("run.running", 110),
        told("step.running", 120, { step: "a", attempt: 1 }),
        told("step.running", 125, { step: "a", attempt: 1 }),
        told("step.waiting", 130, { step: "a", attempt: 1 }),
        told("step.running", 140, { step: "a", attempt: 2 }),
        told("step.running", 145, { step: "a", attempt: 3 }),
        told("checkpoint", 147, { step: "a" }),
        told("step.failed", 150, { step: "a", attempt: 3, message: "exit 1" }),
        told("step.skipped", 151, { step: "b" }),
        told("run.failed", 160, { reason: "a failed" }),
      ],
      GIVEN,
    );
    expect(found.map(({ name, start, end, error }) => [name, start, end, error])).toEqual([
      ["dispatch a", 120, 130, undefined],
      ["dispatch a", 140, 145, "its executor was lost"],
      ["dispatch a", 145, 150, "exit 1"],
      ["step a", 120, 150, "exit 1"],
      ["run nightly", 100, 160, "a failed"],
    ]);
    const [first, , , step, run] = found;
    expect([first?.parent, step?.parent, run?.parent, run?.remoteParent]).toEqual([step?.spanId, run?.spanId, "b7ad6b7169203331", true]);
    expect(new Set(found.map(({ traceId }) => traceId))).toEqual(new Set(["0af7651916cd43dd8448eb211c80319c"]));
  });

  test("of an item are below those of its step, and what is open ends with the run", () => {
    const found = spansOf([
      told("step.waiting", 10, { step: "each" }),
      told("step.running", 11, { step: "each[0]", attempt: 1 }),
      told("run.canceled", 9),
    ]);
    expect(found.map(({ name, parent, start, end }) => [name, parent, start <= end])).toEqual([
      ["step each", runSpanId("r1"), true],
      ["dispatch each[0]", stepSpanId("r1", "each[0]"), true],
      ["step each[0]", stepSpanId("r1", "each"), true],
      ["run nightly", undefined, true],
    ]);
  });
});
