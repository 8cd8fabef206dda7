import { levelNamed } from "../../supervise/logs/level.ts";
import type { LogLine } from "../ports.ts";

/** One line of a run's log: the same on the API and on `orco logs --json`. */
export interface RunLogRecord {
  /** RFC 3339 UTC with ms: when it was read. */
  readonly timestamp: string;
  /** Within the run, gapless from 1. */
  readonly seq: number;
  /** `id` or `id[3]`; empty where orco says it of the run. */
  readonly step: string;
  readonly attempt: number;
  readonly source: LogLine["source"];
  /** trace, debug, info, warn, error, fatal; absent when none was recognised (counts as info). */
  readonly level?: string;
  readonly message: string;
}

/** As it is on disk, one line of JSON, `seq` first and the level right before the message: a reader tells by them what it need not decode. */
export interface StoredLine extends Omit<RunLogRecord, "timestamp"> {
  /** Epoch ms. */
  readonly at: number;
  readonly offset?: number;
}

const SEQ_AT = '{"seq":'.length;

/** With its line break. */
export function encodeLine(line: LogLine, seq: number): string {
  const { at, step, attempt, source, offset, message } = line;
  const level = line.level === undefined ? undefined : levelNamed(line.level);
  const where = `"step":${JSON.stringify(step)},"attempt":${attempt},"source":"${source}"`;
  const rest = `${offset === undefined ? "" : `"offset":${offset},`}${level === undefined ? "" : `"level":"${level}",`}`;
  return `{"seq":${seq},"at":${at},${where},${rest}"message":${JSON.stringify(message)}}\n`;
}

/** Undefined for what is no record: the head of a segment, or damage. */
export function decodeLine(line: string): StoredLine | undefined {
  try {
    return line.startsWith('{"seq":') ? (JSON.parse(line) as StoredLine) : undefined;
  } catch {
    return undefined;
  }
}

/** Of a line as it is on disk, without decoding it; NaN for what is no record. */
export function seqOf(line: string): number {
  return line.startsWith('{"seq":') ? Number.parseInt(line.slice(SEQ_AT, line.indexOf(",")), 10) : Number.NaN;
}

export function recordOf({ seq, at, step, attempt, source, level, message }: StoredLine): RunLogRecord {
  return { timestamp: new Date(at).toISOString(), seq, step, attempt, source, ...(level !== undefined && { level }), message };
}
