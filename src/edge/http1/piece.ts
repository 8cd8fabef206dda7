import { readLatin1 } from "./latin1.ts";
import { MAX_HEAD_BYTES, type Refused } from "./message.ts";
import { refuse } from "./refuse.ts";

/** The start of a message as text: the whole head, or what there is of it so far. latin1. */
export interface Piece {
  readonly text: string;
  readonly complete: boolean;
  /** The head goes on beyond what it may be. */
  readonly oversized: boolean;
  /** Of the whole head, the empty line before it and the blank line after it included; 0 when it is not complete. */
  readonly bytes: number;
}

const BLANK_LINE = Buffer.from("\r\n\r\n");

/**
 * The head at `at`, or what there is of it. An oversized one is cut at the limit: what is wrong within it is told first, as when the bytes come one by one.
 * One empty line before it is skipped (RFC 9112 §2.2). Undefined: nothing to look at yet.
 */
export function pieceAt(bytes: Buffer, at: number): Piece | undefined {
  let from = at;
  if (bytes[from] === 0x0d) {
    if (bytes.length === from + 1) return undefined;
    if (bytes[from + 1] === 0x0a) from += 2;
  }
  if (bytes.length <= from) return undefined;
  const limit = at + MAX_HEAD_BYTES;
  const end = endOf(bytes, from);
  if (end !== -1 && end <= limit) return { text: readLatin1(bytes, from, end), complete: true, oversized: false, bytes: end - at };
  return {
    text: readLatin1(bytes, from, Math.min(limit, bytes.length)),
    complete: false,
    oversized: bytes.length >= limit,
    bytes: 0,
  };
}

function endOf(bytes: Buffer, from: number): number {
  const blank = bytes.indexOf(BLANK_LINE, from);
  return blank === -1 ? -1 : blank + 4;
}

export function tooLarge(): Refused {
  return refuse(431, "head_too_large", `the head is larger than ${MAX_HEAD_BYTES} bytes`);
}
