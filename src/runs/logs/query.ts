import { setImmediate } from "node:timers/promises";
import { contentFilter } from "../../supervise/logs/filter.ts";
import { decodeLine, recordOf, type RunLogRecord, type StoredLine } from "./line.ts";
import { type Batch, Scan } from "./scan.ts";
import { MAX_LOG_BYTES, segmentsIn } from "./segments.ts";

/** Filters of a read. */
export interface RunLogQuery {
  /** With its items: `id` also means `id[3]`. */
  readonly step?: string;
  readonly source?: RunLogRecord["source"];
  /** Threshold. */
  readonly level?: string;
  /** Linear-time regular expression on the message. */
  readonly grep?: string;
  /** Epoch ms, inclusive. */
  readonly sinceMs?: number;
  /** seq, exclusive. */
  readonly after?: number;
  /** The last N of those that match. */
  readonly tail?: number;
  /** Goes on until the run has ended. */
  readonly follow?: boolean;
  readonly signal: AbortSignal;
}

export type Accept = (line: string) => StoredLine | undefined;

const MIB = 1024 * 1024;

/** Throws `invalid` for a bad pattern or level. */
export function acceptOf({ step, source, level, grep, sinceMs }: RunLogQuery): Accept {
  const content = contentFilter({ ...(level !== undefined && { level }), ...(grep !== undefined && { grep }) });
  const marks = [
    ...(step === undefined ? [] : [`"step":${JSON.stringify(step).slice(0, -1)}`]),
    ...(source === undefined ? [] : [`"source":"${source}"`]),
  ];
  return (line) => {
    if (marks.some((mark) => !line.includes(mark))) return undefined;
    const found = content ? (content.accept(line) as StoredLine | undefined) : decodeLine(line);
    if (!found || (sinceMs !== undefined && found.at < sinceMs) || (source !== undefined && found.source !== source)) return undefined;
    return step === undefined || found.step === step || found.step.startsWith(`${step}[`) ? found : undefined;
  };
}

/** The seq before the first one that is wanted. */
export async function startOf(dir: string, query: RunLogQuery, lastSeq: () => number): Promise<number> {
  const { tail, signal, after = 0 } = query;
  if (tail === undefined) return after;
  if (tail === 0) return lastSeq();
  const isPlain = [query.step, query.source, query.level, query.grep, query.sinceMs].every((filter) => filter === undefined);
  const found = isPlain ? lastSeq() - tail : await nthLast(dir, tail, { accept: acceptOf(query), signal });
  return Math.max(after, found, firstSeqIn(dir) - 1);
}

/** All that can be read now. */
export async function* recordsOf(scan: Scan, query: RunLogQuery, accept: Accept): AsyncGenerator<RunLogRecord> {
  for (let batch = scan.next(); batch && !query.signal.aborted; batch = scan.next()) {
    if (batch.gone > 0 && tellsOfGaps(query)) yield goneRecord(batch);
    for (const line of batch.lines) {
      const found = accept(line);
      if (found) yield recordOf(found);
      if (query.signal.aborted) return;
    }
    await setImmediate();
  }
}

/** Counted from the newest segment back: only the numbers of what matches are kept. */
async function nthLast(dir: string, count: number, { accept, signal }: { accept: Accept; signal: AbortSignal }): Promise<number> {
  let left = count;
  let until = Infinity;
  for (const { firstSeq } of segmentsIn(dir).toReversed()) {
    const scan = new Scan(dir, firstSeq - 1);
    const seqs: number[] = [];
    for (let batch = scan.next(); batch && !signal.aborted; batch = scan.next()) {
      for (const line of batch.lines) {
        const found = accept(line);
        if (found && found.seq < until) seqs.push(found.seq);
      }
      await setImmediate();
      if (isPast(batch, until)) break;
    }
    const nth = seqs.at(-left);
    if (nth !== undefined) return nth - 1;
    left -= seqs.length;
    until = firstSeq;
  }
  return 0;
}

function isPast({ lines }: Batch, until: number): boolean {
  return (decodeLine(lines.at(-1) ?? "")?.seq ?? 0) >= until - 1;
}

function firstSeqIn(dir: string): number {
  return segmentsIn(dir)[0]?.firstSeq ?? 1;
}

/** A filtered read cannot say whether what is gone would have been wanted. */
function tellsOfGaps({ step, source, grep, sinceMs, tail }: RunLogQuery): boolean {
  return [step, grep, sinceMs, tail].every((filter) => filter === undefined) && (source === undefined || source === "orco");
}

function goneRecord({ lines, gone }: Batch): RunLogRecord {
  const first = decodeLine(lines[0] ?? "");
  const message = `${gone} older ${gone === 1 ? "line is" : "lines are"} gone: a run keeps ${MAX_LOG_BYTES / MIB} MiB of its log`;
  return {
    timestamp: new Date(first?.at ?? 0).toISOString(),
    seq: (first?.seq ?? 1) - 1,
    step: "",
    attempt: 0,
    source: "orco",
    level: "warn",
    message,
  };
}
