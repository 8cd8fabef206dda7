import type { Json, JsonObject } from "../../kernel/event.ts";
import type { RunFinish } from "../ports.ts";
import type { StepState } from "../record.ts";
import type { Frontier } from "./frontier.ts";
import type { Moment } from "./moment.ts";
import { sizeOf } from "./settle.ts";

/** Of a run's result; the outputs of each step are in its row as well. */
const MAX_RESULT_BYTES = 256 * 1024;

/** Why steps are being stopped; undefined while the run goes on. */
export function stoppingOf(frontier: Frontier, { run, now }: Moment): "cancel" | "timeout" | undefined {
  if (run.cancelling) return "cancel";
  const deadline = deadlineOf(run);
  // A clock that was set back does not bring a run back whose steps have been stopped.
  return frontier.stopped || (deadline !== undefined && now >= deadline) ? "timeout" : undefined;
}

export function deadlineOf({ startedAt, timeoutMs }: Moment["run"]): number | undefined {
  return startedAt === undefined || timeoutMs === undefined ? undefined : startedAt + timeoutMs;
}

/** How the run ends, now that every step has. A run with a failed step has failed, also when another cleaned up after it. */
export function finishOf(frontier: Frontier, moment: Moment): RunFinish {
  const { run } = moment;
  if (run.cancelling) return { status: "canceled", reason: run.cancelling.reason };
  const result = resultOf(frontier);
  if (frontier.stopped) {
    const timeout_ms = run.timeoutMs ?? 0;
    return {
      status: "failed",
      error: { code: "timeout", message: `the run took longer than ${timeout_ms} ms`, facts: { timeout_ms } },
      ...result,
    };
  }
  const first = firstFailed(frontier);
  if (!first) return { status: "completed", ...result };
  const { code = "internal", message = "it failed", facts = {} } = first.error ?? {};
  return {
    status: "failed",
    error: { code, message: `step ${first.id} failed: ${message}`, facts: { ...facts, step: first.id } },
    ...result,
  };
}

function firstFailed({ plan, steps }: Frontier): StepState | undefined {
  let first: StepState | undefined;
  for (const { id } of plan.steps) {
    const state = steps.get(id);
    if (state?.status === "failed" && (!first || (state.endedAt ?? 0) < (first.endedAt ?? 0))) first = state;
  }
  return first;
}

/** The outputs by step, as many as there is room for. */
function resultOf({ plan, steps }: Frontier): { readonly result?: Json } {
  const found: Record<string, JsonObject> = {};
  let bytes = 0;
  for (const { id } of plan.steps) {
    const outputs = steps.get(id)?.outputs;
    if (!outputs) continue;
    const more = sizeOf(outputs) + id.length;
    if (bytes + more > MAX_RESULT_BYTES) continue;
    bytes += more;
    found[id] = outputs;
  }
  return Object.keys(found).length > 0 ? { result: found } : {};
}
