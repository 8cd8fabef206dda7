import { MAX_HEAD_BYTES } from "./message.ts";

/** A rewritten head is the received one and a few lines more; behind it there is room for the beginning of a body. */
const SPACE = Buffer.allocUnsafeSlow(8 * MAX_HEAD_BYTES);
/** Views of the first bytes of the space by their number: making one costs more than filling it. */
const VIEWS: (Buffer | undefined)[] = Array.from({ length: 4096 });

/**
 * A message on its way out: stretches of a received head, lines of our own, and the beginning of a body, one after the other.
 * All drafts share one place: between the first and the last call for one there may be none for another. Writing each stretch
 * where it belongs is several times faster than joining cut strings and turning them into bytes.
 */
export class Draft {
  #length = 0;

  /** `text`: the received head, latin1. */
  constructor(private readonly text: string) {}

  /** A stretch of the received text. */
  copy(from: number, to: number): void {
    if (to > from) this.add(this.text.slice(from, to));
  }

  add(line: string): void {
    this.#length += SPACE.write(line, this.#length, "latin1");
  }

  /** Bytes from `from` on behind the head; false and nothing done when there is no room for all of them. */
  append(bytes: Buffer, from = 0): boolean {
    if (this.#length + bytes.length - from > SPACE.length) return false;
    this.#length += bytes.copy(SPACE, this.#length, from);
    return true;
  }

  /** Good until the next draft begins. */
  view(): Buffer {
    const length = this.#length;
    if (length >= VIEWS.length) return SPACE.subarray(0, length);
    return (VIEWS[length] ??= SPACE.subarray(0, length));
  }

  /** To be kept. */
  finish(): Buffer {
    return Buffer.from(this.view());
  }
}
