import { decodeEntry, ENTRY_BYTES, type Entry } from "./entry.ts";
import { readUpTo } from "./file.ts";

/** Entries read at a time: by who goes from one to the next, and by who searches. A cold disk costs by the read, not by its size. */
const BLOCK_ENTRIES = 64;
export const SEARCH_ENTRIES = 1024;

/** Entries of an index by number, some at a time: whoever wants one mostly wants its neighbours too. */
export class EntryBlocks {
  private readonly block: Buffer;
  /** Entries in `block`: from … from + count. */
  private from = 0;
  private count = 0;

  constructor(
    private readonly fd: number,
    private readonly size = BLOCK_ENTRIES,
  ) {
    this.block = Buffer.allocUnsafe(size * ENTRY_BYTES);
  }

  /** Counted from 0. Undefined when it is not whole, or not below `end`, up to which the index is known to be written. */
  entry(at: number, end: number): Entry | undefined {
    if (at < 0 || at >= end) return undefined;
    if (at < this.from || at >= this.from + this.count) this.load(at, end);
    return at < this.from + this.count ? decodeEntry(this.block, (at - this.from) * ENTRY_BYTES) : undefined;
  }

  /** Blocks are aligned, so that reading backwards uses them as well as reading forwards. */
  private load(at: number, end: number): void {
    this.from = at - (at % this.size);
    const wanted = Math.min(this.size, end - this.from) * ENTRY_BYTES;
    this.count = Math.floor(readUpTo(this.fd, this.block.subarray(0, wanted), this.from * ENTRY_BYTES) / ENTRY_BYTES);
  }
}
