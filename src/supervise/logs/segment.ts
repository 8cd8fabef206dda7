import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { decodeEntry, ENTRY_BYTES, type Entry } from "./entry.ts";
import { readUpTo } from "./file.ts";

/** One file of records and its index, as far as they are committed. The writer of the last one moves its figures on. */
export interface Segment {
  /** Without the suffix `.log` or `.idx`. */
  readonly path: string;
  readonly firstSeq: number;
  /** Entries of the index. */
  entries: number;
  /** Bytes of the log. */
  end: number;
  lastSeq: number;
  /** When its first and newest record were read, epoch ms; `firstTs` is undefined while it has none. */
  firstTs: number | undefined;
  lastTs: number;
}

const SEQ_DIGITS = 16;
/** Entries read at a time. */
const BLOCK_ENTRIES = 64;
const WINDOW_BYTES = 64 * 1024;
const NO_WINDOW: { readonly start: number; readonly bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };

export function segmentPath(dir: string, firstSeq: number): string {
  return join(dir, String(firstSeq).padStart(SEQ_DIGITS, "0"));
}

/** A segment opened for reading; it stays readable when the segment is deleted meanwhile. */
export class SegmentFile {
  private readonly log: number;
  private readonly idx: number;
  private readonly block = Buffer.alloc(BLOCK_ENTRIES * ENTRY_BYTES);
  /** Entries in `block`: from … from + count. */
  private from = 0;
  private count = 0;
  private window = NO_WINDOW;

  constructor(readonly segment: Segment) {
    this.idx = openSync(`${segment.path}.idx`, "r");
    try {
      this.log = openSync(`${segment.path}.log`, "r");
    } catch (error) {
      closeSync(this.idx);
      throw error;
    }
  }

  /** Entry `at` of the index, counted from 0; undefined past the committed ones. */
  entry(at: number): Entry | undefined {
    if (at < 0 || at >= this.segment.entries) return undefined;
    if (at < this.from || at >= this.from + this.count) this.load(at);
    return decodeEntry(this.block, (at - this.from) * ENTRY_BYTES);
  }

  /** First entry that `isPast` holds for, in an index where it holds for all after it too; `entries` when for none. */
  search(isPast: (entry: Entry) => boolean): number {
    let low = 0;
    let high = this.segment.entries;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.entry(middle);
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

  /** Nothing is read for now: a follower of many quiet services holds no bytes of them. */
  rest(): void {
    this.window = NO_WINDOW;
  }

  close(): void {
    closeSync(this.log);
    closeSync(this.idx);
  }

  /** Small batches are read many at a time, in whichever direction they are asked for. */
  private slide(from: number, to: number): void {
    const start = from < this.window.start ? Math.max(0, to - WINDOW_BYTES) : from;
    const wanted = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, this.segment.end - start));
    this.window = { start, bytes: wanted.subarray(0, readUpTo(this.log, wanted, start)) };
  }

  /** Blocks are aligned, so that reading backwards uses them as well as reading forwards. */
  private load(at: number): void {
    this.from = at - (at % BLOCK_ENTRIES);
    this.count = Math.min(BLOCK_ENTRIES, this.segment.entries - this.from);
    readUpTo(this.idx, this.block.subarray(0, this.count * ENTRY_BYTES), this.from * ENTRY_BYTES);
  }
}
