import { layers } from "../kernel/graph.ts";
import { graphOf } from "./plan-check.ts";
import type { Plan, PlanStep } from "./plan.ts";

/** What `mode=plan` answers with. */
export interface PlanAnswer {
  readonly steps: readonly PlanStep[];
  /** Steps that may run at the same time, one group after the other. */
  readonly levels: readonly (readonly string[])[];
  /** What is allowed and probably not meant; each names its step. */
  readonly warnings: readonly string[];
}

export function planView(plan: Plan): PlanAnswer {
  return { steps: plan.steps, levels: layers(graphOf(plan)), warnings: plan.steps.flatMap(doubts) };
}

function doubts(step: PlanStep): string[] {
  const { id, when, needs, retry, approval, wait_for: wait, http } = step;
  const found: string[] = [];
  if (when === "failure" && needs.length === 0) found.push(`${id} never runs: when is "failure", and it needs no step that could fail`);
  const executes = approval === undefined && wait === undefined;
  if (!executes && retry.max > 0) found.push(`${id} is not retried: it waits for somebody and executes nothing`);
  if (wait && step.timeout_ms === undefined) found.push(`${id} waits for the signal ${wait.signal} without an end: it has no timeout_ms`);
  if (!executes && step.outputs) found.push(`${id} promises outputs, but executes nothing: they are not asked for`);
  if (http && (Object.keys(step.env).length > 0 || step.workdir !== undefined))
    found.push(`${id} is a request: env and workdir mean nothing to it`);
  return found;
}
