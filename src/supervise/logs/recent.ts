import { errnoOf } from "../../kernel/errors.ts";
import type { LogRecord } from "./record.ts";
import { type Segment, SegmentFile } from "./segment.ts";

/** How far back an instance's lines are searched among those of others. */
const MAX_ENTRIES = 4096;
const TAIL_BYTES = 64 * 1024;

/** The newest `count` records of an instance, oldest first, read backwards from the end of the log. */
export function readRecent(segments: readonly Segment[], instance: string, count: number): LogRecord[] {
  const found: LogRecord[] = [];
  let budget = MAX_ENTRIES;
  for (const segment of segments.toReversed()) {
    if (budget <= 0 || found.length >= count) break;
    budget -= withFile(segment, (file) => collect(file, { instance, count, budget }, found)) ?? budget;
  }
  return found.toReversed();
}

function withFile<T>(segment: Segment, use: (file: SegmentFile) => T): T | undefined {
  let file: SegmentFile | undefined;
  try {
    file = new SegmentFile(segment);
    return use(file);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined; // gone, or unreadable: then there are no recent lines
  } finally {
    file?.close();
  }
}

function collect(file: SegmentFile, want: { instance: string; count: number; budget: number }, found: LogRecord[]): number {
  let looked = 0;
  for (let at = file.segment.entries - 1; at >= 0 && looked < want.budget && found.length < want.count; at--, looked++) {
    const entry = file.entry(at);
    const from = file.entry(at - 1)?.end ?? 0;
    if (entry?.instance !== want.instance || entry.end <= from) continue;
    for (const line of lastLines(file, from, entry.end).toReversed()) {
      if (found.length < want.count) found.push(JSON.parse(line) as LogRecord);
    }
  }
  return looked;
}

function lastLines(file: SegmentFile, from: number, to: number): string[] {
  const start = Math.max(from, to - TAIL_BYTES);
  const lines = file.bytes(start, to).toString().trimEnd().split("\n");
  if (start === from) return lines;
  return lines.length > 1 ? lines.slice(1) : file.bytes(from, to).toString().trimEnd().split("\n");
}
