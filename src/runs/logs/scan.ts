import { closeSync, openSync } from "node:fs";
import { errnoOf } from "../../kernel/errors.ts";
import { readUpTo } from "../../supervise/logs/file.ts";
import { seqOf } from "./line.ts";
import { type Segment, segmentsIn } from "./segments.ts";

/** Lines of one read, as they are on disk; `gone` before them were there once. */
export interface Batch {
  readonly lines: readonly string[];
  readonly gone: number;
}

const CHUNK_BYTES = 256 * 1024;
const LINE_FEED = 10;

/** Goes through a run's log from a place in it to its end, and on when there is more. It holds nothing open in between. */
export class Scan {
  private segment: Segment | undefined;
  private offset = 0;
  private lastSeq: number;

  /** `after`: exclusive. */
  constructor(
    private readonly dir: string,
    after: number,
  ) {
    this.lastSeq = after;
  }

  /** Undefined when there is nothing more now. */
  next(): Batch | undefined {
    for (let moved = this.segment !== undefined || this.move(); moved; moved = this.move()) {
      const lines = this.segment && this.read(this.segment);
      if (lines && lines.length > 0) return this.batch(lines);
    }
    return undefined;
  }

  /** To the segment after this one; at first, to the one that the next record is in. */
  private move(): boolean {
    const all = segmentsIn(this.dir);
    const current = this.segment;
    const next = current
      ? all.find(({ firstSeq }) => firstSeq > current.firstSeq)
      : (all.findLast(({ firstSeq }) => firstSeq <= this.lastSeq + 1) ?? all[0]);
    if (!next) return false;
    this.segment = next;
    this.offset = 0;
    return true;
  }

  private batch(lines: string[]): Batch {
    const first = seqOf(lines[0] ?? "");
    const gone = first - this.lastSeq - 1;
    this.lastSeq = seqOf(lines.at(-1) ?? "");
    return { lines, gone };
  }

  /** Whole lines that are new; goes on over those that are not. */
  private read({ path }: Segment): string[] {
    const fd = openQuietly(path);
    if (fd === undefined) return [];
    try {
      for (let most = CHUNK_BYTES; ;) {
        const bytes = Buffer.allocUnsafe(most);
        const got = readUpTo(fd, bytes, this.offset);
        const whole = bytes.subarray(0, got).lastIndexOf(LINE_FEED) + 1;
        if (whole === 0 && got < most) return [];
        if (whole === 0) most *= 2;
        this.offset += whole;
        const lines = bytes.toString("utf8", 0, whole).split("\n");
        const fresh = lines.filter((line) => seqOf(line) > this.lastSeq);
        if (fresh.length > 0) return fresh;
      }
    } finally {
      closeSync(fd);
    }
  }
}

/** It may have been dropped meanwhile. */
function openQuietly(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
