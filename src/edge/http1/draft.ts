import { writeLatin1 } from "./latin1.ts";
import { MAX_HEAD_BYTES } from "./message.ts";

/** A rewritten head is the received one and a few lines more; behind it there is room for the beginning of a body. */
const SPACE = Buffer.allocUnsafeSlow(8 * MAX_HEAD_BYTES);
/** Views of the first bytes of the space by their number: making one costs more than filling it. */
const VIEWS: (Buffer | undefined)[] = Array.from({ length: 4096 });

/**
 * A message on its way out: stretches of a received head, lines of our own, and the beginning of a body, one after the other.
 * All drafts share one place: between the first and the last call for one there may be none for another. Writing each stretch
 * where it belongs is several times faster than joining cut strings and turning them into bytes; a line that is the same as the
 * received one continues its stretch, so that a head nobody had to change is never written at all.
 */
export class Draft {
  private length = 0;
  /** The stretch of `text` that is to be written next. */
  private from = 0;
  private to = 0;

  /** `text`: the received head, latin1. */
  constructor(private readonly text: string) {}

  /** A stretch of the received text. */
  copy(from: number, to: number): void {
    if (to <= from) return;
    if (from !== this.to) {
      this.settle();
      this.from = from;
    }
    this.to = to;
  }

  add(line: string): void {
    if (this.text.startsWith(line, this.to)) {
      this.to += line.length;
      return;
    }
    this.settle();
    this.length += writeLatin1(SPACE, line, this.length);
  }

  /** What comes after all stretches. Whether it is as received is not asked: it holds what no client sends. */
  finishWith(lines: string): void {
    const { from, to, text } = this;
    this.length += writeLatin1(SPACE, text.slice(from, to) + lines, this.length);
    this.from = to;
  }

  /** It is the received head, byte for byte. */
  get unchanged(): boolean {
    return this.length === 0 && this.from === 0 && this.to === this.text.length;
  }

  /** Of the received head. */
  get size(): number {
    return this.text.length;
  }

  /** Bytes from `from` on behind the head; false and nothing done when there is no room for all of them. */
  append(bytes: Buffer, from = 0): boolean {
    this.settle();
    if (this.length + bytes.length - from > SPACE.length) return false;
    this.length += bytes.copy(SPACE, this.length, from);
    return true;
  }

  /** Good until the next draft begins. */
  view(): Buffer {
    this.settle();
    const { length } = this;
    if (length >= VIEWS.length) return SPACE.subarray(0, length);
    return (VIEWS[length] ??= SPACE.subarray(0, length));
  }

  /** To be kept. */
  finish(): Buffer {
    return Buffer.from(this.view());
  }

  private settle(): void {
    const { from, to } = this;
    if (to > from) this.length += writeLatin1(SPACE, this.text.slice(from, to), this.length);
    this.from = to;
  }
}
