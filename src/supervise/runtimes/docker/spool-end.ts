import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { readUpTo, writeAll } from "../../logs/file.ts";
import { TimesWriter } from "../../logs/times.ts";

const LINE_FEED = 10;
/** By so much a clock may be set back without a line coming twice: then times stand still until it has caught up. */
export const STEP_BACK_MS = 1000;

/**
 * The end of one spool that docker's log is copied to: how much of the log is in it is told by its size and the time of its last bytes. For a stream that is read
 * again from a time at or before that, it knows which bytes it has.
 */
export class SpoolEnd {
  private readonly fd: number;
  private readonly times: TimesWriter;
  private size: number;
  /** Bytes that are taken, on disk or on their way. */
  private taken: number;
  /** Latest time that came by, what was skipped included; it falls only with a clock that was set back far. */
  private latestMs = 0;
  /** The time at which it stood when reading began, and how many bytes of that time it has; undefined once that is behind. */
  private known: { readonly ms: number; bytes: number } | undefined;

  constructor(path: string) {
    this.times = new TimesWriter(path);
    this.fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    const { size, mtimeMs } = fstatSync(this.fd);
    const { offset, ms = Math.floor(mtimeMs) } = this.times.last ?? { offset: 0 };
    this.taken = this.size = size;
    this.known = size === 0 ? undefined : { ms, bytes: size - offset };
  }

  /** Epoch ms of the last bytes it had when it was opened; undefined when it had none. */
  get stoodAt(): number | undefined {
    return this.known?.ms;
  }

  /** Docker gives all pieces of a line the time of the first: more with this time may come, however late it is. */
  get midline(): boolean {
    const last = new Uint8Array(1);
    return this.size > 0 && readUpTo(this.fd, last, this.size - 1) === 1 && last[0] !== LINE_FEED;
  }

  /** How many of the next bytes, which docker took at `ms`, are here already; the rest are taken, at the offset and the time that are returned. */
  take(length: number, ms: number): { readonly skip: number; readonly at: number; readonly ms: number } {
    if (ms > this.latestMs || this.latestMs - ms > STEP_BACK_MS) this.latestMs = ms;
    const skip = this.skipped(length, this.latestMs);
    const at = this.taken;
    this.taken += length - skip;
    return { skip, at, ms: this.latestMs };
  }

  note(offset: number, ms: number): void {
    this.times.note(offset, ms);
  }

  /** Appends bytes that were taken. Throws the system's error: then it must be opened anew. */
  write(bytes: Uint8Array): void {
    writeAll(this.fd, bytes, this.size);
    this.size += bytes.length;
  }

  close(): void {
    this.times.close();
    closeSync(this.fd);
  }

  private skipped(length: number, ms: number): number {
    if (!this.known) return 0;
    if (ms < this.known.ms) return length;
    if (ms > this.known.ms) {
      this.known = undefined;
      return 0;
    }
    const skip = Math.min(length, this.known.bytes);
    this.known.bytes -= skip;
    return skip;
  }
}
