import { bytesToSplit, cut } from "../../supervise/logs/cut.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import type { ReadAt } from "./read-cursor.ts";

/** A line, or a piece of one that is too long. */
export interface TailLine {
  readonly text: string;
  /** Bytes of the stream up to and with it. */
  readonly end: number;
  readonly piece: boolean;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Cuts one stream of a container into lines, however it comes in pieces, and knows what of it was taken before. */
export class Tail {
  /** Time of its last frame, as docker wrote it. */
  time = "";
  private parts: Uint8Array[] = [];
  private held = 0;
  /** Bytes of the stream that have come by since the last rewind. */
  private passed = 0;
  private from: number;

  constructor(
    private at: ReadAt,
    private readonly redactor: Redactor | undefined,
  ) {
    this.from = at.offset;
  }

  /** Everything before it was taken. */
  get position(): ReadAt {
    return this.at;
  }

  /** The stream comes again from its first byte. */
  rewind(): void {
    this.drop();
    this.passed = 0;
    this.from = this.at.offset;
  }

  /** What of the next bytes was not taken before the rewind. */
  unseen(data: Uint8Array): Uint8Array {
    const skip = this.from - this.passed;
    this.passed += data.length;
    return skip <= 0 ? data : data.subarray(skip);
  }

  /** The lines that are whole now. `data` is copied where it is kept. */
  *take(data: Uint8Array): Generator<TailLine> {
    this.held += data.length;
    const whole = data.includes(LINE_FEED) || this.held >= bytesToSplit(this.redactor);
    this.parts.push(this.parts.length === 0 && whole ? data : Buffer.from(data));
    if (whole) yield* this.lines(false);
  }

  /** The stream has ended: a last line without its break. */
  *flush(): Generator<TailLine> {
    if (this.held > 0) yield* this.lines(true);
  }

  private *lines(final: boolean): Generator<TailLine> {
    const [only] = this.parts;
    let rest = this.parts.length === 1 && only ? Buffer.from(only.buffer, only.byteOffset, only.length) : Buffer.concat(this.parts);
    this.drop();
    for (;;) {
      const found = cut(rest, { midline: this.at.midline, redactor: this.redactor, final });
      if (found.kind === "wait") break;
      if (found.kind === "lines") yield* this.each(rest, found.next);
      else {
        this.at = { offset: this.at.offset + found.next, midline: !found.last };
        yield { text: this.clean(rest.toString("utf8", 0, found.end)), end: this.at.offset, piece: true };
      }
      rest = rest.subarray(found.next);
    }
    if (rest.length > 0) this.parts.push(Buffer.from(rest));
    this.held = rest.length;
  }

  private *each(bytes: Buffer, next: number): Generator<TailLine> {
    for (let from = 0; from < next;) {
      const feed = bytes.indexOf(LINE_FEED, from);
      const [stop, end] = feed < 0 ? [next, next] : [feed, feed + 1];
      const text = bytes.toString("utf8", from, stop > from && bytes[stop - 1] === CARRIAGE_RETURN ? stop - 1 : stop);
      this.at = { offset: this.at.offset + end - from, midline: false };
      yield { text: this.clean(text), end: this.at.offset, piece: false };
      from = end;
    }
  }

  private clean(text: string): string {
    return this.redactor?.clean(text) ?? text;
  }

  private drop(): void {
    this.parts = [];
    this.held = 0;
  }
}
