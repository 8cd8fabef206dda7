import { formatSpan } from "../../kernel/duration.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { RunError } from "../../workflow/run.ts";
import type { PlanStep } from "../plan.ts";
import type { StepState } from "../record.ts";
import type { EndedExecution, StepDecision } from "./moment.ts";

/** Outputs of one step as JSON. */
export const MAX_OUTPUTS_BYTES = 512 * 1024;
/** Outputs of all steps and items of a run, which are in memory while it is driven. */
const MAX_RUN_OUTPUTS_BYTES = 64 * 1024 * 1024;
/** After these in a row something is wrong that trying again does not mend. */
const MAX_LOSSES = 20;
const LOST_AGAIN_MS = 250;
const MAX_LOST_AGAIN_MS = 30_000;

interface Case {
  readonly state: StepState;
  readonly spec: PlanStep;
  readonly ended: EndedExecution;
  readonly now: number;
  /** Bytes of outputs that all other steps of the run have. */
  readonly others: number;
}

/** What the end of an execution makes of its step. */
export function settle(one: Case): StepDecision {
  const { state, ended } = one;
  const { end, timedOut } = ended;
  if (end.kind === "completed") return complete(one, { ...state.outputs, ...end.outputs });
  if (state.status === "cancelling") return canceled(one);
  if (timedOut) return failure(one, timeoutError(one));
  switch (end.kind) {
    case "failed":
      return failure(one, end.error, end.final);
    case "canceled":
      return failure(one, { code: "cancelled", message: `${state.id} was ended from outside` });
    case "lost":
      return lost(one, end.message);
  }
}

function about({ state, ended }: Case): Pick<StepDecision, "step" | "settles"> {
  return { step: state.id, settles: ended };
}

function complete(one: Case, outputs: JsonObject): StepDecision {
  const { state, spec } = one;
  const missing = (spec.outputs ?? []).filter((name) => !Object.hasOwn(outputs, name));
  if (missing.length > 0) {
    const message = `${state.id} ended well, but without ${missing.length === 1 ? "the output" : "the outputs"} it promises: ${missing.join(", ")}`;
    return failure(one, { code: "invalid", message, facts: { missing } });
  }
  const bytes = sizeOf(outputs);
  if (bytes > MAX_OUTPUTS_BYTES) return failure(one, outputsTooLarge(state.id, bytes), true);
  if (one.others + bytes > MAX_RUN_OUTPUTS_BYTES) return failure(one, runOutputsTooLarge(state.id), true);
  const set = Object.keys(outputs).length > 0 ? { set: { outputs } } : {};
  return { ...about(one), do: "complete", why: "it ended well", change: { step: state.id, event: "finish", ...set } };
}

export function outputsTooLarge(step: string, bytes: number): RunError {
  const message = `the outputs of ${step} are ${bytes} bytes as JSON, at most ${MAX_OUTPUTS_BYTES} are kept: hand larger ones over as artifacts`;
  return { code: "too_large", message, facts: { bytes, max_bytes: MAX_OUTPUTS_BYTES } };
}

function runOutputsTooLarge(step: string): RunError {
  const message = `with the outputs of ${step} those of the run are more than ${MAX_RUN_OUTPUTS_BYTES} bytes as JSON: hand larger ones over as artifacts`;
  return { code: "too_large", message, facts: { max_bytes: MAX_RUN_OUTPUTS_BYTES } };
}

export function sizeOf(value: JsonObject): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function timeoutError({ state, spec }: Case): RunError {
  const timeoutMs = spec.timeout_ms ?? 0;
  return { code: "timeout", message: `${state.id} took longer than ${formatSpan(timeoutMs)}`, facts: { timeout_ms: timeoutMs } };
}

function canceled(one: Case): StepDecision {
  const { end } = one.ended;
  const message = end.kind === "canceled" ? end.message : undefined;
  const change = { step: one.state.id, event: "cancel" as const, ...(message !== undefined && { set: { message } }) };
  return { ...about(one), do: "cancel", why: message ?? "it was stopped", change };
}

function failure(one: Case, error: RunError, final = false): StepDecision {
  const { state, spec, now } = one;
  if (state.status === "cancelling") return canceled(one);
  const failures = state.failures + 1;
  if (final || failures > spec.retry.max) {
    const change = { step: state.id, event: "fail" as const, error, set: { failures, message: error.message } };
    return { ...about(one), do: "fail", why: error.message, change };
  }
  const delayMs = backoff(spec, failures);
  const summary = `again in ${formatSpan(delayMs)} (${failures} of ${spec.retry.max}): ${error.message}`;
  const waiting = { kind: "retry" as const, summary, since: now, until: now + delayMs };
  return { ...about(one), do: "retry", why: summary, change: { step: state.id, event: "wait", waiting, error, set: { failures } } };
}

/** The wait before the execution after the n-th failure. */
function backoff({ retry }: PlanStep, failures: number): number {
  const { min_ms: min, max_ms: max, factor } = retry.backoff;
  return min === 0 ? 0 : Math.round(Math.min(max, min * factor ** (failures - 1)));
}

function lost(one: Case, message: string): StepDecision {
  const { state, ended, now } = one;
  if (ended.losses > MAX_LOSSES) {
    const error = {
      code: "unavailable",
      message: `${state.id} was lost ${ended.losses} times in a row: ${message}`,
      facts: { losses: ended.losses },
    };
    return {
      ...about(one),
      do: "fail",
      why: error.message,
      change: { step: state.id, event: "fail", error, set: { message: error.message } },
    };
  }
  const delayMs = ended.losses < 2 ? 0 : Math.min(MAX_LOST_AGAIN_MS, LOST_AGAIN_MS * 2 ** (ended.losses - 2));
  const summary = `executed again, at no expense of retries: ${message}`;
  const waiting = { kind: "retry" as const, summary, since: now, until: now + delayMs };
  return { ...about(one), do: "retry", why: summary, change: { step: state.id, event: "wait", waiting } };
}
