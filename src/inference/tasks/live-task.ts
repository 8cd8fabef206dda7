import type { TaskFailure } from "../failure.ts";
import type { Channel } from "../relay/channel.ts";
import type { TaskRequest } from "../request.ts";
import type { Execution } from "./execution.ts";
import { TASK, type TaskState, type TaskView } from "./task.ts";

/** Where a task is; replaced as a whole. Times are monotonic ms. */
export interface Standing {
  readonly state: TaskState;
  readonly pool: string;
  readonly replica?: string;
  readonly dispatchedAt?: number;
  readonly finishReason?: string;
  readonly failure?: TaskFailure;
  /** The message of the failure as it may be written down, where that is another. */
  readonly kept?: string | undefined;
}

/** What was said at admission. */
export interface Admitted {
  /** Monotonic and wall ms. */
  readonly at: number;
  readonly wallAt: number;
  readonly position: number;
  readonly predictedStartMs: number;
}

/** Counted as it comes. Times are monotonic ms. */
export interface Counts {
  tokensIn: number;
  tokensOut: number;
  firstTokenAt: number | undefined;
  lastTokenAt: number | undefined;
}

/** A task that is under way, or has ended a moment ago. The desk alone changes it. */
export class LiveTask {
  readonly counts: Counts = { tokensIn: 0, tokensOut: 0, firstTokenAt: undefined, lastTokenAt: undefined };
  /** Resolves when its end is on disk and every consumer has been told. */
  readonly settled = Promise.withResolvers<void>();
  /** While it runs. */
  execution: Execution | undefined;
  /** Stops its deadline. */
  cancelDeadline: () => void = () => undefined;
  /** Wall ms. */
  startedWall: number | undefined;
  endedWall: number | undefined;
  request: TaskRequest;
  readonly channel: Channel;
  readonly admitted: Admitted;
  standing: Standing;

  constructor({ request, channel, admitted, standing }: Pick<LiveTask, "request" | "channel" | "admitted" | "standing">) {
    this.request = request;
    this.channel = channel;
    this.admitted = admitted;
    this.standing = standing;
  }

  get id(): string {
    return this.request.taskId;
  }

  get ended(): boolean {
    return TASK.isFinal(this.standing.state);
  }

  /** Throws `internal` where the lifecycle does not allow it. */
  move(event: "dispatch" | "complete" | "cancel" | "fail", facts: Partial<Standing>): void {
    this.standing = { ...this.standing, ...facts, state: TASK.next(this.standing.state, event) };
  }

  /** Its view as it is written down: without what an engine said of an error. */
  record(): TaskView {
    const view = this.view();
    const { kept } = this.standing;
    return view.error && kept !== undefined ? { ...view, error: { ...view.error, message: kept } } : view;
  }

  dropInput(): void {
    this.request = withoutInput(this.request);
  }

  view(queued?: { readonly position: number; readonly predictedStartMs: number }): TaskView {
    const { request, standing, counts } = this;
    return {
      task_id: request.taskId,
      job_id: request.taskId,
      state: standing.state,
      model_ref: request.model,
      workload: request.workload,
      priority: request.priority,
      api: request.openai ? "openai" : "tasks",
      ...(request.sessionId !== undefined && { session_id: request.sessionId }),
      pool_id: standing.pool,
      replica_id: standing.replica ?? null,
      ...(queued && { queue_position: queued.position, predicted_start_ms: queued.predictedStartMs }),
      tokens_in: counts.tokensIn,
      tokens_out: counts.tokensOut,
      ...(standing.finishReason !== undefined && { finish_reason: standing.finishReason }),
      ...(standing.failure && { error: standing.failure }),
      accepted_at: rfc3339(this.admitted.wallAt),
      ...(this.startedWall !== undefined && { started_at: rfc3339(this.startedWall) }),
      ...(this.endedWall !== undefined && { ended_at: rfc3339(this.endedWall) }),
    };
  }
}

/** All that is known of a task besides what its engine is asked. */
export function withoutInput(request: TaskRequest): TaskRequest {
  const { prompt: _, messages: _messages, inputs: _inputs, bytes: _bytes, openai, ...rest } = request;
  return { ...rest, ...(openai && { openai: { ...openai, body: {} } }) };
}

function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
