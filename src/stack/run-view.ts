import type { Runs } from "../workflow/execute.ts";
import type { Decision } from "../workflow/approval.ts";
import type { RunRow, StepRow } from "../workflow/run.ts";
import type { RunView, WaitingView } from "./view.ts";

/** A run as the wire shows it. */
export function runView(row: RunRow, steps: readonly StepRow[]): RunView {
  const { stack, service, app } = row.labels;
  const waiting = waitingView(steps);
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    ...(stack !== undefined && { stack }),
    ...(service !== undefined && { service }),
    ...(app !== undefined && { app }),
    created_at: new Date(row.createdAt).toISOString(),
    ...(row.startedAt !== undefined && { started_at: new Date(row.startedAt).toISOString() }),
    ...(row.endedAt !== undefined && { finished_at: new Date(row.endedAt).toISOString() }),
    steps: steps.map(({ name, status, detail }) => ({ name, status, ...(detail !== undefined && { detail }) })),
    ...(waiting && { waiting }),
    ...(row.error && { error: { ...row.error.facts, code: row.error.code, message: row.error.message } }),
    ...(row.result !== undefined &&
      row.result !== null &&
      typeof row.result === "object" &&
      !Array.isArray(row.result) && { result: row.result as NonNullable<RunView["result"]> }),
  };
}

function waitingView(steps: readonly StepRow[]): WaitingView | undefined {
  const open = steps.filter(({ status }) => status === "waiting");
  const step = open.find(({ waiting }) => waiting?.kind === "approval") ?? open[0];
  if (!step?.waiting) return undefined;
  const { kind, summary, content, contentHash, roles, since, expiresAt } = step.waiting;
  return {
    step: step.name,
    kind,
    summary,
    ...(content && { content }),
    ...(contentHash !== undefined && { content_hash: contentHash }),
    ...(roles && { roles }),
    since: new Date(since).toISOString(),
    ...(expiresAt !== undefined && { expires_at: new Date(expiresAt).toISOString() }),
  };
}

function withoutContent({ waiting, ...run }: RunView): RunView {
  if (!waiting) return run;
  const { content: _, ...rest } = waiting;
  return { ...run, waiting: rest };
}

/** The run engine, speaking wire objects. */
export function runViews(runs: Runs) {
  const view = (row: RunRow): RunView => runView(row, runs.steps(row.id));
  return {
    list: ({ stack, limit, before }: { stack?: string; limit: number; before?: string }): RunView[] =>
      runs.list(limit, { before, label: stack === undefined ? undefined : { stack } }).map((row) => withoutContent(view(row))),
    get: (id: string): RunView => view(runs.get(id)),
    settled: async (id: string, signal?: AbortSignal, how: { orWaiting?: boolean } = {}): Promise<RunView> =>
      view(await runs.settled(id, signal, how)),
    cancel: async (id: string): Promise<RunView> => view(await runs.cancel(id)),
    decide: async (id: string, decision: Decision): Promise<RunView> => view(await runs.decide(id, decision)),
  };
}
