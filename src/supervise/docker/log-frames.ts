import { OrcoError } from "../../kernel/errors.ts";

export interface TimedPiece {
  readonly stream: "stdout" | "stderr";
  /** Epoch ms at which docker took it. */
  readonly ms: number;
  /** Where it lies in the chunk. */
  readonly from: number;
  readonly to: number;
}

const HEADER_BYTES = 8;
/** Docker writes at most 16 KiB of a line into a frame; more is not this protocol (a container with a tty has no frames). */
const MAX_FRAME_BYTES = 1024 * 1024;
const SPACE = 32;
const ZERO = 48;
const ZULU = 90;
/** `2026-01-02T03:04:05.123456789Z`: docker's own form; others have an offset or leave zeros out. */
const FIXED_CHARS = 30;
const MAX_TIME_CHARS = 35;
const NOTHING = Buffer.alloc(0);

/** The frames of a log that is read with times. They are parsed by number, for a hundred thousand lines a second may come. */
export class TimedFrames {
  private rest: Buffer = NOTHING;
  /** Midnight of the day that was read last, epoch ms. */
  private day = { key: -1, ms: 0 };

  constructor(private readonly each: (bytes: Buffer, piece: TimedPiece) => void) {}

  /** Gives out every frame that is complete now. Throws `internal` for what is no frame. */
  take(chunk: Buffer): void {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const size = bytes.readUInt32BE(at + 4);
      const kind = bytes[at];
      if (size > MAX_FRAME_BYTES || (kind !== 1 && kind !== 2)) throw new OrcoError("internal", "docker sent logs that are not in frames");
      const to = at + HEADER_BYTES + size;
      if (to > bytes.length) break;
      this.each(bytes, { stream: kind === 1 ? "stdout" : "stderr", ...this.timed(bytes, at + HEADER_BYTES, to), to });
      at = to;
    }
    this.rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
  }

  private timed(bytes: Buffer, from: number, to: number): { ms: number; from: number } {
    const space = from + FIXED_CHARS;
    if (space < to && bytes[space] === SPACE && bytes[space - 1] === ZULU) return { ms: this.fixedTime(bytes, from), from: space + 1 };
    const end = bytes.subarray(from, Math.min(to, from + MAX_TIME_CHARS + 1)).indexOf(SPACE);
    const ms = end < 0 ? Number.NaN : Math.floor(Date.parse(bytes.toString("latin1", from, from + end)));
    if (Number.isNaN(ms)) throw new OrcoError("internal", "docker sent a line of the log without its time");
    return { ms, from: from + end + 1 };
  }

  private fixedTime(bytes: Buffer, at: number): number {
    const [year, month, day] = [digits(bytes, at, 4), digits(bytes, at + 5, 2), digits(bytes, at + 8, 2)];
    const key = (year * 12 + month) * 32 + day;
    if (key !== this.day.key) this.day = { key, ms: Date.UTC(year, month - 1, day) };
    const seconds = (digits(bytes, at + 11, 2) * 60 + digits(bytes, at + 14, 2)) * 60 + digits(bytes, at + 17, 2);
    return this.day.ms + seconds * 1000 + digits(bytes, at + 20, 3);
  }
}

function digits(bytes: Buffer, at: number, count: number): number {
  let number = 0;
  for (let next = at; next < at + count; next++) number = number * 10 + (bytes[next] ?? 0) - ZERO;
  return number;
}
