import { OrcoError } from "../../kernel/errors.ts";
import { order } from "../../kernel/graph.ts";
import type { Plan } from "../plan.ts";
import type { StepState } from "../record.ts";

const SHOWN_STEPS = 20;

/**
 * Which steps of an ended run its retry takes over: those that completed and whose needs are all taken over too, and not `from` nor what needs it.
 * Without a plan: those that completed before `from` began. Items are taken over with their `for_each`. `invalid`: there is no step `from`.
 */
export function reusedSteps(plan: Plan | undefined, former: ReadonlyMap<string, StepState>, from: string | undefined): StepState[] {
  const kept = plan ? keptOf(plan, former, from) : keptBefore(former, from);
  return [...former.values()].filter((step) => step.status === "completed" && kept.has(nameOf(step.id))).map(reused);
}

function keptOf({ steps }: Plan, former: ReadonlyMap<string, StepState>, from: string | undefined): Set<string> {
  const needs = new Map(steps.map((step) => [step.id, step.needs]));
  assertKnown(needs, from);
  const kept = new Set<string>();
  const graph = { nodes: [...needs.keys()], edges: steps.flatMap((step) => step.needs.map((to) => ({ from: step.id, to }))) };
  for (const id of order(graph)) {
    const isKept = id !== from && former.get(id)?.status === "completed" && needs.get(id)?.every((need) => kept.has(need));
    if (isKept) kept.add(id);
  }
  return kept;
}

function keptBefore(former: ReadonlyMap<string, StepState>, from: string | undefined): Set<string> {
  assertKnown(former, from);
  const ids = [...former.keys()];
  return new Set(from === undefined ? ids : ids.slice(0, ids.indexOf(from)));
}

function assertKnown(steps: ReadonlyMap<string, unknown>, from: string | undefined): void {
  if (from === undefined || steps.has(from)) return;
  const known = [...steps.keys()].slice(0, SHOWN_STEPS).join(", ");
  const detail = `the run has no step ${from.slice(0, 200)}; it has ${known}${steps.size > SHOWN_STEPS ? ", …" : ""}`;
  throw new OrcoError("invalid", detail, { errors: [{ pointer: "/from_step", detail }] });
}

/** What belonged to its execution in the other run stays there. */
function reused({ id, attempt, failures, startedAt, endedAt, outputs, message, items }: StepState): StepState {
  return {
    id,
    status: "completed",
    attempt,
    failures,
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    ...(outputs && { outputs }),
    ...(message !== undefined && { message }),
    ...(items !== undefined && { items }),
    reused: true,
  };
}

/** `id` of `id[3]`. */
function nameOf(id: string): string {
  const bracket = id.indexOf("[");
  return bracket < 0 ? id : id.slice(0, bracket);
}
