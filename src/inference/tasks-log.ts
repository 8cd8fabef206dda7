import { OrcoError } from "../kernel/errors.ts";
import { taskFailure } from "./failure.ts";
import type { TaskRequest } from "./request.ts";
import type { LiveTask } from "./tasks/live-task.ts";

/** The daemon's log fits. */
export interface TaskLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export type LoggedTask = Pick<LiveTask, "request" | "admitted" | "standing" | "counts" | "endedWall">;

/** One line for each dispatch, end and refusal of a task. Neither prompts nor answers, nor what an engine says of them. Durations in ms. */
export interface TaskLog {
  dispatched(task: LoggedTask): void;
  ended(task: LoggedTask): void;
  refused(request: TaskRequest, error: unknown): void;
}

export function taskLog(log: TaskLogger, engineOf: (pool: string) => string | undefined): TaskLog {
  const placed = ({ request, admitted, standing }: LoggedTask) => ({
    ...about(request),
    pool_id: standing.pool,
    replica_id: standing.replica ?? null,
    engine: engineOf(standing.pool) ?? null,
    queue_position: admitted.position,
    predicted_start_ms: admitted.predictedStartMs,
    ...(standing.dispatchedAt !== undefined && { latency_ms: Math.round(standing.dispatchedAt - admitted.at) }),
  });
  return {
    dispatched: (task) => log.info({ target: "orchestratord::dispatch", ...placed(task) }, "task dispatched"),
    ended: (task) => {
      const failed = task.standing.failure;
      const fields = { target: "orchestratord::dispatch", ...placed(task), ...outcome(task), ...(failed && { code: failed.code }) };
      if (failed && failed.code !== "CANCELED") log.warn(fields, "task ended");
      else log.info(fields, "task ended");
    },
    refused: (request, error) => {
      const { code } = taskFailure(error);
      const reason = error instanceof OrcoError ? error.message : undefined;
      log.warn({ target: "orchestratord::admission", ...about(request), code, reason }, "task refused");
    },
  };
}

function about({ taskId, requestId, sessionId, model, workload, priority }: TaskRequest) {
  return {
    job_id: taskId,
    session_id: sessionId ?? null,
    model_ref: model,
    workload,
    priority,
    correlation_id: requestId,
    request_id: requestId,
  };
}

function outcome({ standing, counts }: LoggedTask) {
  const { firstTokenAt, lastTokenAt } = counts;
  return {
    state: standing.state,
    tokens_in: counts.tokensIn,
    tokens_out: counts.tokensOut,
    decode_time_ms: firstTokenAt === undefined || lastTokenAt === undefined ? 0 : Math.round(lastTokenAt - firstTokenAt),
    ...(standing.finishReason !== undefined && { finish_reason: standing.finishReason }),
  };
}
