import type { JournalEvent } from "../kernel/event.ts";
import type { SpanData } from "../kernel/otel/span.ts";
import { dispatchSpanId, type RunTrace, runSpanId, stepSpanId } from "./trace-context.ts";

/** What is told of a run in its spans. */
export interface TracedRun {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly mode: string;
  readonly createdAt: number;
  readonly trace: RunTrace;
}

interface OpenStep {
  readonly since: number;
  /** The execution under way. */
  dispatch?: { readonly attempt: number; readonly since: number };
}

const RUN_END = /^run\.(completed|failed|cancell?ed)$/;
const STEP_END: ReadonlySet<string> = new Set(["completed", "failed", "skipped", "canceled", "delivered", "undone", "undo_failed"]);
const FAILED: ReadonlySet<string> = new Set(["failed", "undo_failed"]);

/** The spans of one run, from its events in order: run → step → dispatch (one execution of the step). A step that is skipped has none. */
export class RunSpans {
  private readonly steps = new Map<string, OpenStep>();

  constructor(private readonly run: TracedRun) {}

  /** Those that end with the event. */
  take({ type, ts, data }: Pick<JournalEvent, "type" | "ts" | "data">): SpanData[] {
    const [, ended] = RUN_END.exec(type) ?? [];
    if (ended !== undefined) return [...this.closeAll(ts), this.runSpan(ended, ts, messageOf(data))];
    const step = data["step"];
    if (!type.startsWith("step.") || typeof step !== "string") return [];
    const status = type.slice("step.".length);
    if (STEP_END.has(status)) return this.endStep(step, { ts, status, message: messageOf(data) });
    if (status !== "running" && status !== "waiting") return [];
    const open = this.steps.get(step) ?? { since: ts };
    this.steps.set(step, open);
    if (status === "waiting") return this.endDispatch(step, open, { ts, status: "waiting" });
    const attempt = Number(data["attempt"] ?? 1);
    if (open.dispatch?.attempt === attempt) return [];
    const lost = this.endDispatch(step, open, { ts, status: "lost" });
    open.dispatch = { attempt, since: ts };
    return lost;
  }

  private closeAll(ts: number): SpanData[] {
    return [...this.steps.keys()].flatMap((step) => this.endStep(step, { ts, status: "canceled", message: undefined }));
  }

  private endStep(step: string, end: StepEnd): SpanData[] {
    const open = this.steps.get(step);
    if (!open) return [];
    this.steps.delete(step);
    const owner = /^(.+)\[\d+\]$/.exec(step)?.[1];
    const span = this.span({
      name: `step ${step}`,
      spanId: stepSpanId(this.run.id, step),
      parent: owner === undefined ? runSpanId(this.run.id) : stepSpanId(this.run.id, owner),
      start: open.since,
      end: end.ts,
      ...errorOf(end),
      attributes: { "orco.step.id": step, "orco.step.status": end.status },
    });
    return [...this.endDispatch(step, open, end), span];
  }

  private endDispatch(step: string, open: OpenStep, end: StepEnd): SpanData[] {
    const { dispatch } = open;
    if (!dispatch) return [];
    delete open.dispatch;
    const { attempt, since } = dispatch;
    const span = this.span({
      name: `dispatch ${step}`,
      spanId: dispatchSpanId(this.run.id, step, attempt),
      parent: stepSpanId(this.run.id, step),
      start: since,
      end: end.ts,
      ...errorOf(end),
      attributes: { "orco.step.id": step, "orco.attempt": attempt, "orco.mode": this.run.mode, "orco.dispatch.end": end.status },
    });
    return [span];
  }

  private runSpan(status: string, ts: number, message: string | undefined): SpanData {
    const { name, kind, mode, createdAt, trace } = this.run;
    return this.span({
      name: `run ${name}`,
      spanId: runSpanId(this.run.id),
      ...(trace.parent !== undefined && { parent: trace.parent, remoteParent: true }),
      start: createdAt,
      end: ts,
      ...errorOf({ ts, status, message }),
      attributes: { "orco.run.kind": kind, "orco.mode": mode, "orco.run.status": status.replace("cancelled", "canceled") },
    });
  }

  private span(given: Omit<SpanData, "traceId" | "flags">): SpanData {
    const { traceId, flags } = this.run.trace;
    const { start, end, attributes } = given;
    // A wall clock that was set back makes no span that ends before it begins.
    return { ...given, traceId, flags, end: Math.max(start, end), attributes: { "orco.run.id": this.run.id, ...attributes } };
  }
}

interface StepEnd {
  readonly ts: number;
  readonly status: string;
  readonly message?: string | undefined;
}

function errorOf({ status, message }: StepEnd): { error: string } | undefined {
  if (status === "lost") return { error: "its executor was lost" };
  return FAILED.has(status) ? { error: message ?? status } : undefined;
}

function messageOf(data: JournalEvent["data"]): string | undefined {
  const { error, message, reason } = data as Record<string, unknown>;
  const told = typeof error === "object" && error !== null && "message" in error ? error.message : (message ?? reason);
  return typeof told === "string" ? told : undefined;
}
