import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../kernel/errors.ts";

/** One file of a run's log. */
export interface Segment {
  readonly path: string;
  /** seq of its first record. */
  readonly firstSeq: number;
}

/** A run keeps this much of its log; the oldest segment goes first. */
export const MAX_LOG_BYTES = 32 * 1024 * 1024;
export const MAX_SEGMENT_BYTES = 4 * 1024 * 1024;

const NAME = /^log-(\d{16})\.ndjson$/;
const SEQ_DIGITS = 16;

export function segmentAt(dir: string, firstSeq: number): Segment {
  return { path: join(dir, `log-${String(firstSeq).padStart(SEQ_DIGITS, "0")}.ndjson`), firstSeq };
}

/** Oldest first. */
export function segmentsIn(dir: string): Segment[] {
  const found = namesIn(dir).flatMap((name) => NAME.exec(name)?.[1] ?? []);
  return found.toSorted().map((digits) => segmentAt(dir, Number(digits)));
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
