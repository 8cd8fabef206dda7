import { waitView } from "../workflow/run-view.ts";
import { rfc3339 } from "../kernel/rfc3339.ts";
import type { RunError } from "../workflow/run.ts";
import type { RunStepView, RunView, WaitingView } from "../workflow/view.ts";
import type { RunRecord, StepState } from "./record.ts";

/** A run of a plan, or of a worker, as the wire shows it. `order`: the steps of its plan; what else there is follows. */
export function planRunView(run: RunRecord, order: readonly string[], steps: ReadonlyMap<string, StepState>): RunView {
  const { startedAt, endedAt, result, error, cancelling, concurrency, retryOf, scheduleId, worker } = run;
  const waiting = personsWait(steps.values());
  return {
    id: run.id,
    kind: run.kind,
    mode: run.mode,
    name: run.name,
    status: run.status,
    owner: run.owner,
    metadata: run.metadata,
    createdAt: rfc3339(run.createdAt),
    ...(startedAt !== undefined && { startedAt: rfc3339(startedAt) }),
    ...(endedAt !== undefined && { endedAt: rfc3339(endedAt) }),
    attempt: run.attempt,
    steps: stepViews(run, order, steps),
    ...(result !== undefined && { result }),
    ...(error && { error: errorView(error) }),
    ...(waiting && { waiting }),
    ...(cancelling && { cancelling: cancelling.reason }),
    ...(run.priority !== 0 && { priority: run.priority }),
    ...(concurrency && { concurrency_key: concurrency.key }),
    ...(retryOf !== undefined && { retry_of: retryOf }),
    ...(scheduleId !== undefined && { schedule_id: scheduleId }),
    ...(worker !== undefined && { worker }),
  };
}

function stepViews(run: RunRecord, order: readonly string[], steps: ReadonlyMap<string, StepState>): RunStepView[] {
  const items = new Map<string, StepState[]>();
  const others: StepState[] = [];
  const known = new Set(order);
  for (const step of steps.values()) {
    if (known.has(step.id)) continue;
    const parent = parentOf(step.id);
    const siblings = parent === undefined || !known.has(parent) ? others : items.get(parent);
    if (siblings) siblings.push(step);
    else if (parent !== undefined) items.set(parent, [step]);
  }
  const planned = order.flatMap((id) => [steps.get(id) ?? notBegun(run, id), ...(items.get(id) ?? []).toSorted(byItem)]);
  return [...planned, ...others].map(stepView);
}

/** A run that ended before a step's turn came: of a canceled one it is canceled, of others it was left out. */
function notBegun({ status }: RunRecord, id: string): StepState {
  const never = status === "canceled" ? "canceled" : "skipped";
  return {
    id,
    status: status === "completed" || status === "failed" || status === "canceled" ? never : "pending",
    attempt: 0,
    failures: 0,
  };
}

function stepView(step: StepState): RunStepView {
  const { id, status, attempt, startedAt, endedAt, message, outputs, error, progress, waiting, reused } = step;
  return {
    id,
    status,
    ...(attempt > 0 && { attempt }),
    ...(startedAt !== undefined && { startedAt: rfc3339(startedAt) }),
    ...(endedAt !== undefined && { endedAt: rfc3339(endedAt) }),
    ...((message ?? error) !== undefined && { message: message ?? error?.message ?? "" }),
    ...(outputs && { outputs }),
    ...(error && { error: errorView(error) }),
    ...(progress && { progress }),
    ...(waiting && { waiting: waitView(waiting) }),
    ...(reused === true && { reused }),
  };
}

function errorView({ code, message, facts }: RunError): NonNullable<RunView["error"]> {
  return { ...facts, code, message };
}

/** A retry, or the items of a step, are nothing that a person could answer. */
function personsWait(steps: Iterable<StepState>): WaitingView | undefined {
  const found: { approval?: StepState; wait?: StepState } = {};
  for (const step of steps) {
    const kind = step.status === "waiting" ? step.waiting?.kind : undefined;
    if (kind === "approval" || kind === "wait") found[kind] ??= step;
  }
  const step = found.approval ?? found.wait;
  return step?.waiting && { step: step.id, ...waitView(step.waiting) };
}

/** `id` of `id[3]`. */
function parentOf(id: string): string | undefined {
  const bracket = id.indexOf("[");
  return bracket < 0 ? undefined : id.slice(0, bracket);
}

function byItem(a: StepState, b: StepState): number {
  return itemOf(a) - itemOf(b);
}

function itemOf({ id }: StepState): number {
  return Number.parseInt(id.slice(id.indexOf("[") + 1), 10);
}
