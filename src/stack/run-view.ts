import type { Runs } from "../workflow/execute.ts";
import type { RunRow, StepRow } from "../workflow/run.ts";
import type { RunView } from "./view.ts";

/** A run as the wire shows it. */
export function runView(row: RunRow, steps: readonly StepRow[]): RunView {
  const { stack, service } = row.labels;
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    ...(stack !== undefined && { stack }),
    ...(service !== undefined && { service }),
    created_at: new Date(row.createdAt).toISOString(),
    ...(row.startedAt !== undefined && { started_at: new Date(row.startedAt).toISOString() }),
    ...(row.endedAt !== undefined && { finished_at: new Date(row.endedAt).toISOString() }),
    steps: steps.map(({ name, status, detail }) => ({ name, status, ...(detail !== undefined && { detail }) })),
    ...(row.error && { error: { ...row.error.facts, code: row.error.code, message: row.error.message } }),
    ...(row.result !== undefined &&
      row.result !== null &&
      typeof row.result === "object" &&
      !Array.isArray(row.result) && { result: row.result as NonNullable<RunView["result"]> }),
  };
}

/** The run engine, speaking wire objects. */
export function runViews(runs: Runs) {
  const view = (row: RunRow): RunView => runView(row, runs.steps(row.id));
  return {
    list: ({ stack, limit, before }: { stack?: string; limit: number; before?: string }): RunView[] =>
      runs
        .list(limit, before)
        .filter(({ labels }) => stack === undefined || labels["stack"] === stack)
        .map(view),
    get: (id: string): RunView => view(runs.get(id)),
    settled: async (id: string, signal?: AbortSignal): Promise<RunView> => view(await runs.settled(id, signal)),
    cancel: async (id: string): Promise<RunView> => view(await runs.cancel(id)),
  };
}
