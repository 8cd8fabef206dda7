import { describe, expect, test } from "bun:test";
import { OrcoError } from "../kernel/errors.ts";
import { STEP, type StepChange, type StepState } from "./record.ts";
import { applyChange } from "./step-change.ts";

function fold(changes: readonly StepChange[]): StepState {
  let state: StepState | undefined;
  for (const [at, change] of changes.entries()) state = applyChange(state, change, at + 1);
  if (!state) throw new Error("no changes");
  return state;
}

describe("a change of a step", () => {
  test("counts the attempt, keeps the first start and drops what was of the former execution", () => {
    const error = { code: "start_failed", message: "no" };
    const waiting = { kind: "retry", summary: "again in 1s", since: 3, until: 4 } as const;
    const state = fold([
      { step: "a", event: "begin", set: { execution: "e1" } },
      { step: "a", event: "tell", set: { consumed: 9, outputs: { x: 1 } }, progress: { percent: 10 } },
      { step: "a", event: "wait", waiting, error, set: { failures: 1 } },
      { step: "a", event: "begin", set: { execution: "e2" } },
    ]);
    expect(state).toEqual({
      id: "a",
      status: "running",
      attempt: 2,
      failures: 1,
      startedAt: 1,
      begunAt: 4,
      outputs: { x: 1 },
      execution: "e2",
    });
  });

  test("leaves nothing of the execution behind when it ends", () => {
    const state = fold([
      { step: "a", event: "begin", set: { execution: "e1" } },
      { step: "a", event: "tell", set: { consumed: 9 }, progress: { message: "half" } },
      { step: "a", event: "finish", set: { outputs: { x: 1 } } },
    ]);
    expect(state).toEqual({ id: "a", status: "completed", attempt: 1, failures: 0, startedAt: 1, endedAt: 3, outputs: { x: 1 } });
  });

  test("takes away what is null, also when it came as JSON", () => {
    const before = fold([{ step: "a", event: "begin", set: { execution: "e1", message: "m" } }]);
    const change = JSON.parse(`{"step":"a","event":"tell","set":{"message":null}}`) as StepChange;
    expect(applyChange(before, change, 9)).not.toHaveProperty("message");
  });

  test("keeps progress that it does not mention", () => {
    const state = fold([
      { step: "a", event: "begin" },
      { step: "a", event: "tell", progress: { percent: 10 } },
      { step: "a", event: "tell", progress: { message: "half" } },
    ]);
    expect(state.progress).toEqual({ percent: 10, message: "half" });
  });

  test("is refused with the step's name where the table does not allow it", () => {
    for (const status of STEP.states.filter((one) => STEP.isFinal(one))) {
      try {
        applyChange({ id: "a", status, attempt: 1, failures: 0 }, { step: "a", event: "begin" }, 1);
        throw new Error("allowed");
      } catch (error) {
        expect(error).toBeInstanceOf(OrcoError);
        expect(error).toMatchObject({ code: "conflict", facts: { step: "a", from: status, event: "begin" } });
      }
    }
  });
});
