import { rfc3339 } from "../kernel/rfc3339.ts";
import type { JsonObject } from "../kernel/event.ts";
import type { RunRow, RunStatus, StepRow, StepWait } from "./run.ts";
import type { RunStepView, RunView, StepWaitView, WaitingView, WireRunStatus } from "./view.ts";

const WIRE: Readonly<Record<RunStatus, WireRunStatus>> = {
  queued: "pending",
  running: "running",
  completed: "completed",
  failed: "failed",
  cancelled: "canceled",
};

/** Changes of the system are the daemon's own. */
const OWNER = "orco";

function wireStatus(status: RunStatus): WireRunStatus {
  return WIRE[status];
}

/** A change of the system as the wire shows it. */
export function runView(row: RunRow, steps: readonly StepRow[]): RunView {
  const { stack, service, app } = row.labels;
  const waiting = personsWait(steps);
  return {
    id: row.id,
    kind: row.kind,
    mode: "local",
    name: [row.kind, stack ?? app, service].filter(Boolean).join(" "),
    status: wireStatus(row.status),
    owner: OWNER,
    metadata: {},
    createdAt: rfc3339(row.createdAt),
    ...(row.startedAt !== undefined && { startedAt: rfc3339(row.startedAt) }),
    ...(row.endedAt !== undefined && { endedAt: rfc3339(row.endedAt) }),
    attempt: row.startedAt === undefined ? 0 : 1,
    steps: steps.map(stepView),
    ...(row.error && { error: { ...row.error.facts, code: row.error.code, message: row.error.message } }),
    ...(row.result !== undefined && row.result !== null && { result: row.result }),
    ...(waiting && { waiting }),
    ...(row.cancelling && { cancelling: row.cancelling.message }),
    ...(stack !== undefined && { stack }),
    ...(service !== undefined && { service }),
    ...(app !== undefined && { app }),
  };
}

function stepView({ name, status, detail, waiting }: StepRow): RunStepView {
  return {
    id: name,
    status,
    ...(detail !== undefined && { message: detail }),
    ...(status === "waiting" && waiting && { waiting: waitView(waiting) }),
  };
}

function personsWait(steps: readonly StepRow[]): WaitingView | undefined {
  const open = steps.filter(({ status }) => status === "waiting");
  const step = open.find(({ waiting }) => waiting?.kind === "approval") ?? open[0];
  return step?.waiting && { step: step.name, ...waitView(step.waiting) };
}

/** What a step of either engine waits for. */
export function waitView({ kind, summary, content, contentHash, roles, since, expiresAt }: Waited): StepWaitView {
  return {
    kind,
    summary,
    since: rfc3339(since),
    ...(content && { content }),
    ...(contentHash !== undefined && { content_hash: contentHash }),
    ...(roles && { roles }),
    ...(expiresAt !== undefined && { expires_at: rfc3339(expiresAt) }),
  };
}

type Waited = Omit<StepWait, "kind"> & Pick<StepWaitView, "kind">;

/** For lists: what is to be approved may be long. */
export function withoutContent({ waiting, steps, ...run }: RunView): RunView {
  return { ...run, steps: steps.map(stepWithoutContent), ...(waiting && { waiting: lean(waiting) }) };
}

function stepWithoutContent(step: RunStepView): RunStepView {
  return step.waiting ? { ...step, waiting: lean(step.waiting) } : step;
}

function lean<T extends { content?: JsonObject }>(wait: T): Omit<T, "content"> {
  const { content: _, ...rest } = wait;
  return rest;
}
