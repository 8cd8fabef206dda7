import { formatSpan } from "../../kernel/duration.ts";
import type { RunError } from "../../workflow/run.ts";
import type { StepState, StepWaiting } from "../record.ts";
import type { Frontier } from "./frontier.ts";
import type { Group } from "./group.ts";
import type { Moment, StepDecision } from "./moment.ts";
import { MAX_OUTPUTS_BYTES, outputsTooLarge, sizeOf } from "./settle.ts";

/** Approvals and signals that nobody gave in time. */
export function expire(frontier: Frontier, { now, run }: Moment): StepDecision[] {
  return [...frontier.expiries.due(now)].map((step) => {
    const { waiting } = frontier.steps.get(step) ?? {};
    return failed(step, expiry(step, run.id, waiting));
  });
}

function expiry(step: string, run: string, waiting: StepWaiting | undefined): RunError {
  const { since = 0, expiresAt = 0, signal = step, kind } = waiting ?? {};
  const span = formatSpan(expiresAt - since);
  if (kind === "approval")
    return { code: "approval_denied", message: `nobody approved ${step} within ${span}`, facts: { run, step, expired: true } };
  return { code: "timeout", message: `the signal ${signal} did not come within ${span}`, facts: { signal } };
}

/** `for_each` steps whose items have all ended: completed with the outputs of each, or failed as one of them did. */
export function close(frontier: Frontier): StepDecision[] {
  return [...frontier.closing].flatMap((step) => {
    const group = frontier.group(step);
    return group ? [closed(step, group, (index) => frontier.steps.get(`${step}[${index}]`))] : [];
  });
}

function closed(step: string, group: Group, item: (index: number) => StepState | undefined): StepDecision {
  const [first] = group.failed.toSorted((a, b) => a - b);
  if (group.canceled) return { do: "cancel", step, why: "its items were stopped", change: { step, event: "cancel" } };
  if (first !== undefined) {
    const { code = "internal", message = "it failed" } = item(first)?.error ?? {};
    const facts = { items: group.items.length, failed: group.failed.length };
    return failed(step, {
      code,
      message: `${group.failed.length} of ${group.items.length} items failed; ${step}[${first}]: ${message}`,
      facts,
    });
  }
  const outputs = { items: group.items.map((_, index) => item(index)?.outputs ?? null) };
  const bytes = sizeOf(outputs);
  if (bytes > MAX_OUTPUTS_BYTES) return failed(step, outputsTooLarge(step, bytes));
  return { do: "complete", step, why: "all its items have completed", change: { step, event: "finish", set: { outputs } } };
}

/** A step that fails without having been executed. */
export function failed(step: string, error: RunError): StepDecision {
  return { do: "fail", step, why: error.message, change: { step, event: "fail", error, set: { message: error.message } } };
}
