import { randomBytes } from "node:crypto";
import type { SpanData } from "../../kernel/otel/span.ts";
import { isSampled, parseTraceparent, SAMPLED, type TraceContext, traceparentOf } from "../../kernel/otel/context.ts";
import { taskFailure } from "../failure.ts";
import type { TaskRequest } from "../request.ts";
import type { LiveTask } from "../tasks/live-task.ts";

/** Where the spans of one task are. */
interface TaskTrace {
  readonly traceId: string;
  readonly flags: number;
  /** The caller's span. */
  readonly parent?: string;
  readonly root: string;
  /** What the engine sees as its parent. */
  readonly dispatch: string;
}

/** What of a task its spans tell. Never a prompt, nor what an engine answered. */
export type TracedTask = Pick<LiveTask, "request" | "admitted" | "standing" | "counts" | "endedWall">;

export interface TaskSpansOptions {
  /** Takes spans that have ended; undefined: nothing is exported. */
  readonly put?: ((spans: readonly SpanData[]) => void) | undefined;
  /** Wall ms. */
  readonly now: () => number;
  readonly engineOf: (pool: string) => string | undefined;
}

/**
 * The spans of a task, made when it ends: task ─┬─ admission (until it is dispatched), placement, dispatch (while it has an engine) ── stream (from the first token).
 * A caller's traceparent is handed on, whether spans are exported or not.
 */
export class TaskSpans {
  private readonly traces = new WeakMap<TaskRequest, TaskTrace>();

  constructor(private readonly options: TaskSpansOptions) {}

  /** For the engine: the caller's trace, below the dispatch of this task; a trace of its own only where spans are exported. */
  traceparentOf(request: TaskRequest): string | undefined {
    if (!this.options.put && request.traceparent === undefined) return undefined;
    const { traceId, flags, dispatch } = this.traceOf(request);
    return traceparentOf({ traceId, flags, spanId: dispatch });
  }

  ended(task: TracedTask): void {
    if (!this.options.put) return;
    const trace = this.traceOf(task.request);
    if (!isSampled(trace)) return;
    this.options.put(this.spansOf(task, trace));
  }

  refused(request: TaskRequest, error: unknown): void {
    if (!this.options.put) return;
    const trace = this.traceOf(request);
    if (!isSampled(trace)) return;
    const at = this.options.now();
    const of = spanMaker(trace, { ...about(request), "orco.task.state": "refused" });
    const why = { start: at, end: at, error: taskFailure(error).code };
    this.options.put([of("task", trace.root, why), of("admission", spanId(), { ...why, parent: trace.root })]);
  }

  private traceOf(request: TaskRequest): TaskTrace {
    const known = this.traces.get(request);
    if (known) return known;
    const made = traceFor(parseTraceparent(request.traceparent));
    this.traces.set(request, made);
    return made;
  }

  private spansOf(task: TracedTask, trace: TaskTrace): SpanData[] {
    const { request, admitted, standing, counts } = task;
    const wall = (monotonic: number): number => admitted.wallAt + monotonic - admitted.at;
    const engine = this.options.engineOf(standing.pool);
    const of = spanMaker(trace, {
      ...about(request),
      "orco.pool.id": standing.pool,
      ...(engine !== undefined && { "orco.engine": engine }),
    });
    const end = task.endedWall ?? this.options.now();
    const error = standing.failure?.code;
    const begun = standing.dispatchedAt;
    const root = of("task", trace.root, { start: admitted.wallAt, end, error, attributes: outcomeOf(task) });
    const queued = { "orco.queue.position": admitted.position, "orco.predicted_start_ms": admitted.predictedStartMs };
    const below = { parent: trace.root };
    const admission = { ...below, start: admitted.wallAt, attributes: queued };
    if (begun === undefined) return [root, of("admission", spanId(), { ...admission, end, error })];
    const at = wall(begun);
    const replica = { "orco.replica.id": standing.replica ?? "" };
    const spans = [
      root,
      of("admission", spanId(), { ...admission, end: at }),
      of("placement", spanId(), { ...below, start: at, end: at, attributes: replica }),
      of("dispatch", trace.dispatch, { ...below, start: at, end, error, attributes: replica }),
    ];
    if (counts.firstTokenAt === undefined) return spans;
    const stream = { parent: trace.dispatch, start: wall(counts.firstTokenAt), end, error, attributes: usageOf(task) };
    return [...spans, of("stream", spanId(), stream)];
  }
}

interface Given {
  readonly start: number;
  readonly end: number;
  readonly parent?: string;
  readonly error?: string | undefined;
  readonly attributes?: SpanData["attributes"];
}

function spanMaker({ traceId, flags, parent: caller }: TaskTrace, shared: SpanData["attributes"]) {
  return (name: string, spanId: string, { start, end, error, attributes, parent }: Given): SpanData => ({
    name,
    traceId,
    spanId,
    flags,
    start,
    // A wall clock that was set back makes no span that ends before it begins.
    end: Math.max(start, end),
    ...(parent !== undefined ? { parent } : caller !== undefined && { parent: caller, remoteParent: true }),
    ...(error !== undefined && { error }),
    attributes: { ...shared, ...attributes },
  });
}

function traceFor(caller: TraceContext | undefined): TaskTrace {
  const ids = { root: spanId(), dispatch: spanId() };
  if (caller) return { ...ids, traceId: caller.traceId, flags: caller.flags, parent: caller.spanId };
  return { ...ids, traceId: randomBytes(16).toString("hex"), flags: SAMPLED };
}

function spanId(): string {
  return randomBytes(8).toString("hex");
}

function about({ taskId, requestId, workload, model, sessionId, priority }: TaskRequest): SpanData["attributes"] {
  return {
    "orco.task.id": taskId,
    "orco.request.id": requestId,
    "orco.workload": workload,
    "orco.priority": priority,
    "gen_ai.request.model": model,
    ...(sessionId !== undefined && { "orco.session.id": sessionId }),
  };
}

function outcomeOf({ standing }: TracedTask): SpanData["attributes"] {
  const { state, finishReason } = standing;
  return { "orco.task.state": state, ...(finishReason !== undefined && { "orco.finish_reason": finishReason }) };
}

function usageOf({ counts }: TracedTask): SpanData["attributes"] {
  return { "gen_ai.usage.input_tokens": counts.tokensIn, "gen_ai.usage.output_tokens": counts.tokensOut };
}
