import { MAX_HEAD_BYTES } from "./message.ts";

/** Where a received text lies while a head is cut from it: within one call of `finish`, so one place serves all. */
const SOURCE = Buffer.allocUnsafeSlow(MAX_HEAD_BYTES);

/**
 * A head on its way out: stretches of a received one and lines of our own, one after the other.
 * Copying bytes into one buffer of the right size is several times faster than joining cut strings and turning them into bytes.
 */
export class Draft {
  readonly #text: string;
  /** Lines of our own, and for each stretch its two ends. */
  readonly #parts: (string | number)[] = [];
  #length = 0;

  /** `text`: the received head, latin1. */
  constructor(text: string) {
    this.#text = text;
  }

  /** A stretch of the received text. */
  copy(from: number, to: number): void {
    if (to <= from) return;
    this.#parts.push(from, to);
    this.#length += to - from;
  }

  add(line: string): void {
    this.#parts.push(line);
    this.#length += line.length;
  }

  finish(): Buffer {
    SOURCE.write(this.#text, 0, "latin1");
    const bytes = Buffer.allocUnsafe(this.#length);
    let at = 0;
    for (let i = 0; i < this.#parts.length; i++) {
      const part = this.#parts[i];
      if (typeof part === "string") at += bytes.write(part, at, "latin1");
      else at += SOURCE.copy(bytes, at, part, Number(this.#parts[++i]));
    }
    return bytes;
  }
}
