import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { contentHash } from "../../workflow/approval.ts";
import { runError } from "../../workflow/run.ts";
import type { ApprovalStep, PlanStep } from "../plan.ts";
import type { StepWaiting } from "../record.ts";
import { fillJson, fillText } from "../template.ts";
import { failed } from "./decide-waits.ts";
import { fillItems, fillStep } from "./fill.ts";
import type { Frontier } from "./frontier.ts";
import type { Moment, StepDecision } from "./moment.ts";
import { MAX_OUTPUTS_BYTES, sizeOf } from "./settle.ts";

/** What may begin: first what needs no room, then as many executions as there is room for. */
export function begin(frontier: Frontier, moment: Moment): StepDecision[] {
  const quick = [...frontier.quick].flatMap((step) => {
    const spec = frontier.spec(step);
    return spec ? [decided(step, () => withoutRoom(frontier, spec, moment.now))] : [];
  });
  return quick.length > 0 ? quick : starts(frontier, moment);
}

function withoutRoom(frontier: Frontier, spec: PlanStep, now: number): StepDecision {
  const step = spec.id;
  const why = frontier.skipReason(step);
  if (why !== undefined) return { do: "skip", step, why, change: { step, event: "skip", set: { message: why } } };
  if (spec.for_each) return expand(frontier, spec, now);
  const waiting = spec.approval ? approvalWait(frontier, spec, spec.approval) : signalWait(spec, now);
  return {
    do: "wait",
    step,
    why: waiting.summary,
    change: { step, event: "wait", waiting: { ...waiting, since: now, ...expiresAt(spec, now) } },
  };
}

function expand(frontier: Frontier, spec: PlanStep, now: number): StepDecision {
  const step = spec.id;
  const { length } = fillItems(spec, frontier.scope(step));
  if (length === 0) {
    const set = { outputs: { items: [] }, items: 0 };
    return { do: "complete", step, why: "it has no items", change: { step, event: "finish", set } };
  }
  const summary = length === 1 ? "its one item" : `its ${length} items`;
  const waiting = { kind: "for_each" as const, summary, since: now };
  return { do: "expand", step, why: summary, change: { step, event: "wait", waiting, set: { items: length } } };
}

function approvalWait(frontier: Frontier, { id, name }: PlanStep, { summary, content, roles }: ApprovalStep): Omit<StepWaiting, "since"> {
  const scope = frontier.scope(id);
  const said = summary === undefined ? (name ?? `approval of ${id}`) : fillText(summary, scope);
  const asked = content === undefined ? { step: id, summary: said } : (fillJson(content, scope) as JsonObject);
  if (sizeOf(asked) > MAX_OUTPUTS_BYTES) throw new OrcoError("invalid", `approval.content would be larger than ${MAX_OUTPUTS_BYTES} bytes`);
  return { kind: "approval", summary: said, content: asked, contentHash: contentHash(asked), ...(roles && { roles }) };
}

function signalWait({ id, wait_for: wait }: PlanStep, now: number): StepWaiting {
  const signal = wait?.signal ?? id;
  return { kind: "wait", summary: `the signal ${signal}`, since: now, signal };
}

function expiresAt({ approval, timeout_ms: timeoutMs }: PlanStep, now: number): { expiresAt?: number } {
  const ms = approval?.expires_ms ?? timeoutMs;
  return ms === undefined ? {} : { expiresAt: now + ms };
}

function starts(frontier: Frontier, { now, maxParallel }: Moment): StepDecision[] {
  const found: StepDecision[] = [];
  let room = maxParallel - frontier.open.size;
  for (const [step, why] of candidates(frontier, now)) {
    if (room <= 0) break;
    const spec = frontier.spec(step);
    if (!spec) continue;
    const decision = decided(step, () => start(frontier, { step, spec, why }));
    if (decision.do === "start") room -= 1;
    found.push(decision);
  }
  return found;
}

/** What was tried before comes first: it has waited longest, and its `for_each` holds a place for it. */
function* candidates(frontier: Frontier, now: number): Generator<readonly [step: string, why: string]> {
  for (const step of frontier.retries.due(now)) yield [step, "its wait is over"];
  for (const step of frontier.startable) {
    const group = frontier.group(step);
    if (!group) yield [step, "all it needs has ended"];
    else for (const index of group.startable()) yield [`${step}[${index}]`, "there is room for the next item"];
  }
}

function start(frontier: Frontier, { step, spec, why }: { step: string; spec: PlanStep; why: string }): StepDecision {
  const scope = frontier.scope(step);
  if (spec.for_each && !scope.item) throw new OrcoError("internal", `${step} has no item`, { step });
  return { do: "start", step, why, change: { step, event: "begin" }, spec: fillStep(spec, scope) };
}

/** A field that cannot be filled in fails its step; anything else is a defect, and thrown on. */
function decided(step: string, decide: () => StepDecision): StepDecision {
  try {
    return decide();
  } catch (error) {
    if (error instanceof OrcoError && error.code === "invalid") return failed(step, runError(error));
    throw error;
  }
}
