import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "./entry.ts";
import { EntryBlocks, SEARCH_ENTRIES } from "./entry-blocks.ts";
import { readUpTo } from "./file.ts";
import { ReadAhead } from "./read-ahead.ts";

/** One file of records and its index, as far as they are committed. What a closed one has is read when it is asked for. */
export interface Segment {
  /** Without the suffix `.log` or `.idx`. */
  readonly path: string;
  readonly firstSeq: number;
  /** Entries of the index. */
  readonly entries: number;
  /** Bytes of the log. */
  readonly end: number;
  readonly lastSeq: number;
  /** When its first and newest record were read, epoch ms; `firstTs` is undefined while it has none, and of those that are closed. */
  readonly firstTs: number | undefined;
  readonly lastTs: number;
}

/** The one that is written on. */
export type ActiveSegment = { -readonly [Field in keyof Segment]: Segment[Field] };

const SEQ_DIGITS = 16;
const WINDOW_BYTES = 64 * 1024;
/** What stands at the end was written last, and is in memory; or it is little. */
const NEWEST_BYTES = 1024 * 1024;
const NO_WINDOW: { readonly start: number; readonly bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };

export function segmentPath(dir: string, firstSeq: number): string {
  return join(dir, String(firstSeq).padStart(SEQ_DIGITS, "0"));
}

/** A segment opened for reading; it stays readable when the segment is deleted meanwhile. */
export class SegmentFile {
  private readonly log: number;
  private readonly idx: number;
  private readonly entries: EntryBlocks;
  private window = NO_WINDOW;
  private ahead: ReadAhead | undefined;

  constructor(readonly segment: Segment) {
    this.idx = openSync(`${segment.path}.idx`, "r");
    this.entries = new EntryBlocks(this.idx);
    try {
      this.log = openSync(`${segment.path}.log`, "r");
    } catch (error) {
      closeSync(this.idx);
      throw error;
    }
  }

  /** Entry `at` of the index, counted from 0; undefined past the committed ones. */
  entry(at: number): Entry | undefined {
    return this.entries.entry(at, this.segment.entries);
  }

  /** First entry that `isPast` holds for, in an index where it holds for all after it too; `entries` when for none. */
  search(isPast: (entry: Entry) => boolean): number {
    let low = 0;
    let high = this.segment.entries;
    const entries = new EntryBlocks(this.idx, SEARCH_ENTRIES);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = entries.entry(middle, this.segment.entries);
      if (entry && isPast(entry)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The bytes of the log from `from` to `to`. */
  bytes(from: number, to: number): Buffer {
    if (to - from > WINDOW_BYTES) {
      const bytes = Buffer.allocUnsafe(to - from);
      return bytes.subarray(0, readUpTo(this.log, bytes, from));
    }
    const { start, bytes } = this.window;
    if (from < start || to > start + bytes.length) this.slide(from, to);
    return this.window.bytes.subarray(from - this.window.start, to - this.window.start);
  }

  /**
   * Undefined when `bytes` may be called now; else resolves when it may without holding up the event loop for a cold disk. A first small read never
   * waits: whoever wants little has it sooner that way.
   */
  fetch(from: number, to: number): Promise<void> | undefined {
    const { start, bytes } = this.window;
    if ((from >= start && to <= start + bytes.length) || this.segment.end - from < NEWEST_BYTES) return undefined;
    const isFirst = this.ahead === undefined;
    this.ahead ??= new ReadAhead(this.log);
    if (isFirst && to - from <= WINDOW_BYTES) return undefined;
    return from < start ? this.ahead.fetch(Math.max(0, to - WINDOW_BYTES), to) : this.ahead.fetch(from, Math.max(to, from + WINDOW_BYTES));
  }

  /** Nothing is read for now: a follower of many quiet services holds no bytes of them. */
  rest(): void {
    this.window = NO_WINDOW;
  }

  close(): void {
    closeSync(this.idx);
    const { pending } = this.ahead ?? {};
    if (pending) void pending.then(() => closeSync(this.log));
    else closeSync(this.log);
  }

  /** Small batches are read many at a time, in whichever direction they are asked for. */
  private slide(from: number, to: number): void {
    const start = from < this.window.start ? Math.max(0, to - WINDOW_BYTES) : from;
    const wanted = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, this.segment.end - start));
    this.window = { start, bytes: wanted.subarray(0, readUpTo(this.log, wanted, start)) };
  }
}
