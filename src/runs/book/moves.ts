import { OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import type { RunFinish } from "../ports.ts";
import { RUN, STEP, type RunEvent, type RunRecord, type RunStatus } from "../record.ts";
import { dispatchDelete, dispatchInsert } from "../store.ts";
import { webhookWrites } from "../webhook-outbox.ts";
import type { Draft } from "./draft.ts";
import { changeStep } from "./step-moves.ts";

/** Leases that run out one after the other without progress between, before the run is given up. */
export const MAX_LOSSES = 20;

export function hasEnded({ status }: Pick<RunRecord, "status">): boolean {
  return RUN.isFinal(status);
}

/** Executed by a worker that claims it; the others are driven by this daemon. */
export function isRemote({ kind, mode }: Pick<RunRecord, "kind" | "mode">): boolean {
  return kind === "external" || mode === "redis";
}

/** Somebody executes it: the worker that holds its lease, or this daemon, which began it. A paused run may be either. */
export function isHeld(run: RunRecord): boolean {
  return !hasEnded(run) && run.tokenHash !== undefined;
}

/** Throws `conflict` (facts: run, from, to). */
export function assertOpen(run: RunRecord, to: RunStatus): void {
  if (!hasEnded(run)) return;
  throw new OrcoError("conflict", `run ${run.id} is over: it is ${run.status}`, { run: run.id, from: run.status, to });
}

interface Moved {
  readonly set?: Partial<RunRecord>;
  /** Fields taken away. */
  readonly drop?: readonly (keyof RunRecord)[];
  readonly reason?: string;
  readonly data?: JsonObject;
}

/** One transition of the run, with its event. */
export function moveRun(draft: Draft, event: RunEvent, { set = {}, drop = [], reason, data = {} }: Moved = {}): void {
  const run: { -readonly [Key in keyof RunRecord]?: RunRecord[Key] } = { ...draft.run, ...set, status: RUN.next(draft.run.status, event) };
  for (const key of drop) delete run[key];
  const moved = run as RunRecord;
  draft.setRun(moved);
  const { kind, status, attempt } = moved;
  draft.tell(`run.${status}`, { kind, status, ...(attempt > 0 && { attempt }), ...(reason !== undefined && { reason }), ...data });
}

/** Somebody begins to execute it. */
export function beginRun(draft: Draft, set: Pick<RunRecord, "attempt" | "tokenHash" | "worker">): void {
  const { worker } = set;
  const { startedAt = draft.context.now } = draft.run;
  moveRun(draft, "begin", {
    set: { ...set, startedAt },
    drop: ["reported"],
    ...(worker !== undefined && { reason: `claimed by ${worker}` }),
  });
}

/** Gives it to redis: its number, and what is owed until a job is there. */
export function dispatchRun(draft: Draft): void {
  const run = { ...draft.run, dispatch: draft.run.dispatch + 1 };
  draft.setRun(run);
  draft.write(dispatchInsert(run, draft.context.now));
}

/** Its worker is gone: it waits for the next one, or has been lost too often. */
export function requeueRun(draft: Draft): void {
  const { worker = "", losses } = draft.run;
  const reason = `worker ${worker} was lost: its lease ran out`;
  draft.outside = true;
  if (losses + 1 >= MAX_LOSSES) {
    const message = `${losses + 1} leases ran out one after the other without progress; the last one was held by ${worker}`;
    return endRun(draft, { status: "failed", error: { code: "worker_lost", message } });
  }
  requeue(draft, { losses: losses + 1 }, reason);
}

/** Its worker leaves in good order. */
export function handBack(draft: Draft): void {
  draft.outside = true;
  requeue(draft, {}, `worker ${draft.run.worker ?? ""} handed it back`);
}

function requeue(draft: Draft, set: Partial<RunRecord>, reason: string): void {
  moveRun(draft, "requeue", { set, drop: ["tokenHash", "worker"], reason });
  if (draft.run.mode === "redis" && draft.run.status === "pending") dispatchRun(draft);
}

const ENDS = { completed: "finish", failed: "fail", canceled: "cancel" } as const;

/** The last thing that happens to a run. Whoever asked for its cancellation before gets it, whatever its driver says. */
export function endRun(draft: Draft, asked: RunFinish): void {
  const { cancelling, dispatch } = draft.run;
  const end: RunFinish = cancelling && asked.status !== "canceled" ? { status: "canceled", reason: cancelling.reason } : asked;
  closeSteps(draft, end.status === "canceled" ? end.reason : undefined);
  const { now } = draft.context;
  const error = end.status === "failed" ? end.error : undefined;
  moveRun(draft, ENDS[end.status], {
    set: { endedAt: now, ...(error && { error }), ...("result" in end && end.result !== undefined && { result: end.result }) },
    drop: ["cancelling"],
    ...(end.status === "canceled" && { reason: end.reason }),
    ...(error && { reason: error.message, data: { error: { code: error.code, message: error.message } } }),
  });
  if (dispatch > 0) draft.write(dispatchDelete(draft.run.id));
  draft.write(...webhookWrites(draft.run, now));
}

/** Of a run that has ended no step is under way. */
function closeSteps(draft: Draft, message: string | undefined): void {
  const set = message === undefined ? {} : { set: { message } };
  for (const { id, status } of draft.steps()) if (!STEP.isFinal(status)) changeStep(draft, { step: id, event: "cancel", ...set });
}
