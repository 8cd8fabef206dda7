import { createHash } from "node:crypto";
import type { RunRecord } from "./record.ts";

/** W3C Trace Context. Ids are lower-case hex. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** 8 bits; the lowest: sampled. */
  readonly flags: number;
}

/** Where a run's spans are: `parent` is the span of whoever created it. */
export interface RunTrace {
  readonly traceId: string;
  readonly parent?: string;
  readonly flags: number;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** Undefined for what is no traceparent: all zeros, version ff, and more fields where version 00 has none (W3C Trace Context §3.2.2). */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const [, version, traceId = "", spanId = "", flags = "", more] = TRACEPARENT.exec(text?.trim() ?? "") ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export function traceparentOf({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
}

export function isSampled({ flags }: { flags: number }): boolean {
  return (flags & SAMPLED) !== 0;
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
