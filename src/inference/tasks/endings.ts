import type { Clock } from "../../kernel/clock.ts";
import type { EngineEnd } from "../adapters/adapter.ts";
import { failure, keptMessage, taskFailure } from "../failure.ts";
import type { Meter } from "../meter.ts";
import type { Sessions } from "../sessions/sessions.ts";
import type { Lanes } from "./lanes.ts";
import type { LiveTask } from "./live-task.ts";
import type { Roster } from "./roster.ts";
import type { TaskStore } from "./store.ts";
import type { TaskEnd } from "./task.ts";

export interface EndingsOptions {
  readonly clock: Clock;
  readonly meter: Meter;
  readonly store: TaskStore;
  readonly sessions: Pick<Sessions, "ended">;
  readonly lanes: Lanes;
  readonly roster: Roster;
  /** For the log and the spans. Never throws. */
  readonly onEnd: (task: LiveTask) => void;
  readonly onError: (error: unknown) => void;
}

/** How tasks end: once, on disk before anybody is told (of `/v1` after it), and every consumer is told. */
export class Endings {
  constructor(private readonly options: EndingsOptions) {}

  complete(task: LiveTask, end: EngineEnd): void {
    if (task.ended) return;
    const { counts } = task;
    counts.tokensIn = end.tokensIn ?? counts.tokensIn;
    counts.tokensOut = end.tokensOut ?? counts.tokensOut;
    task.move("complete", { finishReason: end.finishReason });
    const told = endOf(task);
    this.conclude(task, () => {
      task.channel.ended(told, this.summary(task));
    });
  }

  /** Whatever failed it: an `OrcoError`, or a defect, which is logged and told as INTERNAL. */
  fail(task: LiveTask, error: unknown): void {
    if (task.ended) return;
    const failed = taskFailure(error);
    if (failed.code === "INTERNAL") this.options.onError(error);
    task.move("fail", { failure: failed, kept: keptMessage(error) });
    this.conclude(task, () => task.channel.failed(failed));
  }

  cancel(task: LiveTask, why: string): void {
    if (task.ended) return;
    const failed = taskFailure(failure("CANCELED", why, { retriable: false }));
    task.move("cancel", { failure: failed });
    this.options.meter.canceled(failed.code);
    this.conclude(task, () => task.channel.failed(failed));
  }

  private conclude(task: LiveTask, tell: () => void): void {
    const { clock, store, roster, lanes, sessions, onEnd } = this.options;
    task.cancelDeadline();
    task.execution?.cancel();
    task.endedWall = clock.now();
    this.measure(task);
    const lane = lanes.get(task.standing.pool);
    lane?.queue.cancel(task.id);
    lane?.drain.ended(task.id, clock.monotonic());
    const { request, counts, standing } = task;
    if (request.sessionId !== undefined)
      sessions.ended(request.sessionId, {
        task: request.taskId,
        tokens: counts.tokensIn + counts.tokensOut,
        ms: standing.dispatchedAt === undefined ? 0 : clock.monotonic() - standing.dispatchedAt,
        delivered: counts.firstTokenAt !== undefined || standing.state === "completed",
        ...(standing.replica !== undefined && { replica: `${standing.pool}/${standing.replica}` }),
      });
    onEnd(task);
    roster.dropInput(task);
    const record = task.record();
    const told = (): void => {
      tell();
      task.settled.resolve();
      roster.ended(task);
    };
    if (request.openai) {
      told();
      store.endedLater(record);
    } else void store.ended(record).then(told);
  }

  private measure(task: LiveTask): void {
    const { meter } = this.options;
    const { counts, standing } = task;
    const { pool, dispatchedAt, state } = standing;
    meter.tokensIn(pool, counts.tokensIn);
    meter.tokensOut(pool, counts.tokensOut);
    if (dispatchedAt === undefined) return;
    meter.dispatched(pool, state === "completed" ? "ok" : state === "canceled" ? "canceled" : "error");
    if (counts.firstTokenAt === undefined) return;
    meter.firstToken(pool, counts.firstTokenAt - dispatchedAt);
    meter.decode(pool, (counts.lastTokenAt ?? counts.firstTokenAt) - counts.firstTokenAt);
  }

  private summary({ counts, standing, admitted }: LiveTask): { [key: string]: number } {
    const { firstTokenAt } = counts;
    const { dispatchedAt = admitted.at } = standing;
    return {
      tokens_in: counts.tokensIn,
      tokens_out: counts.tokensOut,
      queue_ms: Math.round(dispatchedAt - admitted.at),
      ...(firstTokenAt !== undefined && { first_token_ms: Math.round(firstTokenAt - dispatchedAt) }),
      tokens_per_s: rate(counts),
    };
  }
}

/** Tokens per second from the first token to the last. */
export function rate({ tokensOut, firstTokenAt, lastTokenAt }: LiveTask["counts"]): number {
  const ms = (lastTokenAt ?? 0) - (firstTokenAt ?? 0);
  return ms > 0 ? Math.round(((tokensOut - 1) / ms) * 100_000) / 100 : 0;
}

function endOf({ counts, standing }: LiveTask): TaskEnd {
  return {
    tokens_in: counts.tokensIn,
    tokens_out: counts.tokensOut,
    decode_ms: Math.round((counts.lastTokenAt ?? 0) - (counts.firstTokenAt ?? 0)),
    finish_reason: standing.finishReason ?? "stop",
  };
}
