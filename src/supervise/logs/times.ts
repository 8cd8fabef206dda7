import { closeSync, constants, fstatSync, ftruncateSync, openSync, statSync } from "node:fs";
import { errnoOf } from "../../kernel/errors.ts";
import { readUpTo, writeAll } from "./file.ts";
import type { Punch } from "./punch.ts";

/**
 * Times of the lines of a spool that are known better than by when it was read. 16 bytes an entry, little endian: u64 offset, f64 epoch ms. Lines that
 * begin at that offset or behind it have that time, until the next entry; of several with one offset the last counts. An entry is written before its bytes.
 */
const ENTRY_BYTES = 16;
const BLOCK_ENTRIES = 512;
const PUNCH_BYTES = 64 * 1024;
/** Largest time a Date can hold. */
const MAX_MS = 8.64e15;

export function timesPath(spool: string): string {
  return `${spool}.times`;
}

export interface Mark {
  readonly offset: number;
  /** Epoch ms; undefined where no time is known. */
  readonly ms: number | undefined;
}

/** The only thing that writes a spool's times: whoever writes the spool. */
export class TimesWriter {
  private readonly fd: number;
  private end: number;
  /** The entry that counts last; with it whoever goes on knows where it stood. */
  private lastMark: Mark | undefined;

  /** Goes on behind what speaks of bytes that are there: the rest is from a write that never came to be. */
  constructor(spool: string) {
    this.fd = openSync(timesPath(spool), constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    const written = statSync(spool, { throwIfNoEntry: false })?.size ?? 0;
    let entries = Math.floor(fstatSync(this.fd).size / ENTRY_BYTES);
    const block = Buffer.alloc(ENTRY_BYTES);
    while (entries > 0 && (markAt(this.fd, entries - 1, block)?.offset ?? 0) >= written) entries -= 1;
    this.end = entries * ENTRY_BYTES;
    ftruncateSync(this.fd, this.end);
    this.lastMark = entries > 0 ? markAt(this.fd, entries - 1, block) : undefined;
  }

  get last(): Mark | undefined {
    return this.lastMark;
  }

  /** Lines that begin at `offset` or behind it have this time, epoch ms. Call it before those bytes are written, with offsets that do not fall. Throws the system's error. */
  note(offset: number, ms: number): void {
    const whole = Math.trunc(ms);
    if (whole === this.lastMark?.ms) return;
    const entry = Buffer.allocUnsafe(ENTRY_BYTES);
    entry.writeBigUInt64LE(BigInt(offset), 0);
    entry.writeDoubleLE(whole, 8);
    writeAll(this.fd, entry, this.end);
    this.end += ENTRY_BYTES;
    this.lastMark = { offset, ms: whole };
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Reads the times of a spool beside it. A file that is missing, torn or not there yet only means that times are not known. */
export class Times {
  private fd: number | undefined;
  /** An entry at or before the place asked for last, from which the next look goes on. */
  private at: number | undefined;
  private freed = 0;
  private readonly block = Buffer.allocUnsafe(BLOCK_ENTRIES * ENTRY_BYTES);

  constructor(
    private readonly spool: string,
    private readonly punch: Punch | undefined,
  ) {}

  /** The time in force at `from`, then each that begins before `to`, in order. */
  marks(from: number, to: number): [Mark, ...Mark[]] {
    const marks: [Mark, ...Mark[]] = [{ offset: from, ms: undefined }];
    const fd = this.open();
    if (fd === undefined) return marks;
    for (let at = this.start(fd, from); ;) {
      const count = Math.floor(readUpTo(fd, this.block, at * ENTRY_BYTES) / ENTRY_BYTES);
      for (let i = 0; i < count; i++, at++) {
        const mark = decode(this.block, i * ENTRY_BYTES);
        if (mark.offset >= to && mark.offset > from) return marks;
        if (mark.offset <= from) {
          marks[0] = { offset: from, ms: mark.ms };
          this.at = at;
        } else if (mark.offset >= (marks.at(-1)?.offset ?? 0)) marks.push(mark);
      }
      if (count < BLOCK_ENTRIES) return marks;
    }
  }

  /** Frees what speaks only of bytes before the place that `marks` was asked for last. */
  free(): void {
    const end = (this.at ?? 0) * ENTRY_BYTES;
    if (!this.punch || this.fd === undefined || end - this.freed < PUNCH_BYTES) return;
    this.punch(this.fd, this.freed, end);
    this.freed = end;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }

  /** The entry in force at `from`, or the first one. */
  private start(fd: number, from: number): number {
    const last = this.at === undefined ? undefined : markAt(fd, this.at, this.block);
    if (this.at !== undefined && last && last.offset <= from) return this.at;
    let low = 0;
    let high = Math.floor(fstatSync(fd).size / ENTRY_BYTES);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((markAt(fd, middle, this.block)?.offset ?? Number.POSITIVE_INFINITY) <= from) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  private open(): number | undefined {
    if (this.fd !== undefined) return this.fd;
    try {
      this.fd = openSync(timesPath(this.spool), (this.punch ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
    return this.fd;
  }
}

function markAt(fd: number, at: number, block: Buffer): Mark | undefined {
  const bytes = block.subarray(0, ENTRY_BYTES);
  return readUpTo(fd, bytes, at * ENTRY_BYTES) === ENTRY_BYTES ? decode(bytes, 0) : undefined;
}

function decode(bytes: Buffer, at: number): Mark {
  const offset = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
  const ms = bytes.readDoubleLE(at + 8);
  return { offset, ms: ms > 0 && ms <= MAX_MS ? Math.trunc(ms) : undefined };
}
