import { createHash } from "node:crypto";
import { parseTraceparent, SAMPLED, traceparentOf } from "../kernel/otel/context.ts";
import type { RunRecord } from "./record.ts";

/** Where a run's spans are: `parent` is the span of whoever created it. */
export interface RunTrace {
  readonly traceId: string;
  readonly parent?: string;
  readonly flags: number;
}

/** Of the creating request; else the run's own, the same in every daemon that carries it. */
export function runTrace({ id, traceparent }: Pick<RunRecord, "id" | "traceparent">): RunTrace {
  const given = parseTraceparent(traceparent);
  if (given) return { traceId: given.traceId, parent: given.spanId, flags: given.flags };
  return { traceId: idOf(32, "trace", id), flags: SAMPLED };
}

/** Span ids follow from what they stand for: a daemon that resumes a run goes on with the spans of the former one. */
export function runSpanId(run: string): string {
  return idOf(16, "run", run);
}

export function stepSpanId(run: string, step: string): string {
  return idOf(16, "step", run, step);
}

export function dispatchSpanId(run: string, step: string, attempt: number): string {
  return idOf(16, "dispatch", run, step, String(attempt));
}

/** What an execution of a step gets as TRACEPARENT: its dispatch span in the trace of whoever created the run; undefined where that carried none. */
export function stepTraceparent(run: Pick<RunRecord, "id" | "traceparent">, step: string, attempt: number): string | undefined {
  return parseTraceparent(run.traceparent) && ownTraceparent(run, step, attempt);
}

/** The same, in a trace of the run's own where nobody carried one. */
export function ownTraceparent(run: Pick<RunRecord, "id" | "traceparent">, step: string, attempt: number): string {
  const { traceId, flags } = runTrace(run);
  return traceparentOf({ traceId, flags, spanId: dispatchSpanId(run.id, step, attempt) });
}

function idOf(digits: number, ...parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, digits);
}
