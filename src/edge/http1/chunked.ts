import type { BodyScanner, Scan } from "./body.ts";
import { MAX_HEAD_BYTES, type Refusal } from "./message.ts";
import { refuse } from "./refuse.ts";
import { refuseTrailer } from "./trailer.ts";

/** Where the next byte stands. */
const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER = 6;
const DONE = 7;

/** 13 hex digits stay exact in a double (2^52). */
const MAX_SIZE_DIGITS = 13;
/** Of the extensions of one chunk, which nobody is known to use. */
export const MAX_EXTENSION_BYTES = 1024;
/** Of all trailer lines together. */
const MAX_TRAILER_BYTES = MAX_HEAD_BYTES;

const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
/** RFC 9112 §7.1.1, without the whitespace it advises against. A quote left open is where servers differ on the end of the line. */
const EXTENSIONS = /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t !#-[\]-~]|\\[\t -~])*"))?)+$/;

/**
 * Finds the end of a chunked body (RFC 9112 §7.1). Strict where targets differ: sizes are hex digits only (no sign, space, prefix or overflow), every line ends with CRLF,
 * data with CRLF exactly where its size says. Extensions and trailers are bounded; trailers are checked line by line.
 */
export class ChunkedScanner implements BodyScanner {
  #state = SIZE;
  /** Of the chunk: what the size line says so far, then what is still to come. */
  #size = 0;
  #digits = 0;
  /** The extensions of a chunk, or the trailer line, that are not complete yet. */
  #line = "";
  #trailerBytes = 0;
  #refused: Refusal | undefined;

  /** `payload` is told the range of each piece of data among `bytes`. */
  scan(bytes: Uint8Array, payload?: (from: number, to: number) => void): Scan {
    let at = 0;
    while (at < bytes.length && this.#state !== DONE && !this.#refused) {
      if (this.#state === DATA) {
        const to = Math.min(at + this.#size, bytes.length);
        payload?.(at, to);
        this.#size -= to - at;
        if (this.#size === 0) this.#state = DATA_CR;
        at = to;
      } else if (this.#state === TRAILER) {
        const end = bytes.indexOf(LF, at) + 1 || bytes.length;
        this.#refused = this.#trailer(bytes.subarray(at, end));
        at = end;
      } else {
        this.#refused = this.#step(bytes[at] ?? 0);
        at += 1;
      }
    }
    return this.#refused ? { refused: this.#refused } : { consumed: at, done: this.#state === DONE };
  }

  /** One byte between the data. */
  #step(byte: number): Refusal | undefined {
    switch (this.#state) {
      case SIZE:
        return this.#sizeByte(byte);
      case EXTENSION:
        return this.#extensionByte(byte);
      case SIZE_LF:
        if (byte !== LF) return bad("bad_chunk_line", "a chunk's size line does not end with CRLF");
        this.#state = this.#size === 0 ? TRAILER : DATA;
        return undefined;
      case DATA_CR:
        if (byte !== CR) return bad("bad_chunk_end", "a chunk is longer than its size");
        this.#state = DATA_LF;
        return undefined;
      default:
        if (byte !== LF) return bad("bad_chunk_end", "a chunk does not end with CRLF");
        this.#state = SIZE;
        this.#digits = 0;
        return undefined;
    }
  }

  #sizeByte(byte: number): Refusal | undefined {
    const digit = hexDigit(byte);
    if (digit !== -1) {
      this.#digits += 1;
      if (this.#digits > MAX_SIZE_DIGITS) return bad("chunk_too_large", "a chunk's size has too many digits");
      this.#size = this.#size * 16 + digit;
      return undefined;
    }
    if (this.#digits === 0 || (byte !== CR && byte !== SEMICOLON))
      return bad("bad_chunk_size", "a chunk's size is not a hexadecimal number");
    this.#state = byte === CR ? SIZE_LF : EXTENSION;
    if (byte === SEMICOLON) this.#line = ";";
    return undefined;
  }

  #extensionByte(byte: number): Refusal | undefined {
    if (byte === CR) {
      if (!EXTENSIONS.test(this.#line)) return bad("bad_chunk_line", "the extensions of a chunk are not names with values");
      this.#line = "";
      this.#state = SIZE_LF;
      return undefined;
    }
    if (this.#line.length > MAX_EXTENSION_BYTES) return bad("chunk_extension_too_long", "the extensions of a chunk are too long");
    if (byte !== 0x09 && (byte < 0x20 || byte > 0x7e)) {
      return bad("bad_chunk_line", "the extensions of a chunk contain a character that may not stand there");
    }
    this.#line += String.fromCharCode(byte);
    return undefined;
  }

  /** `part` ends at the first LF, or there is none in it yet. */
  #trailer(part: Uint8Array): Refusal | undefined {
    this.#trailerBytes += part.length;
    if (this.#trailerBytes > MAX_TRAILER_BYTES) return refuse(431, "trailers_too_large", "the trailers are too large").refusal;
    this.#line += Buffer.from(part.buffer, part.byteOffset, part.length).toString("latin1");
    if (part.at(-1) !== LF) return undefined;
    const line = this.#line;
    this.#line = "";
    if (line === "\r\n") this.#state = DONE;
    else return refuseTrailer(line);
    return undefined;
  }
}

function bad(code: string, detail: string): Refusal {
  return refuse(400, code, detail).refusal;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
