import type { Redactor } from "./redact.ts";

/** Longest message, bytes; a longer line becomes several records. */
export const MAX_LINE_BYTES = 1024 * 1024;

/** What can be taken from the front of the unread bytes. `next`: where the rest begins. */
export type Cut =
  | { readonly kind: "lines"; readonly end: number; readonly next: number }
  | { readonly kind: "piece"; readonly end: number; readonly next: number; readonly last: boolean }
  /** Nothing yet: `bytes` in all are needed to decide, unless a line break comes first. */
  | { readonly kind: "wait"; readonly bytes: number };

export interface CutOptions {
  /** The bytes begin inside a line whose first pieces were taken before. */
  readonly midline: boolean;
  /** No more bytes will come: what has no line break is a line too. */
  readonly final: boolean;
  readonly redactor: Redactor | undefined;
}

/** How many bytes must be seen before a line without an end may be split: a secret must not be cut in two. */
export function bytesToSplit(redactor: Redactor | undefined): number {
  return MAX_LINE_BYTES + (redactor?.longestBytes ?? 0) + 4;
}

/** Decides from the bytes alone, so that the same bytes give the same records however they were written and read. */
export function cut(bytes: Buffer, options: CutOptions): Cut {
  const first = bytes.indexOf(10);
  if (first >= 0) return first > MAX_LINE_BYTES || options.midline ? longLine(bytes, first, options) : wholeLines(bytes);
  if (bytes.length >= bytesToSplit(options.redactor)) return split(bytes, options.redactor);
  if (!options.final || bytes.length === 0) return { kind: "wait", bytes: bytesToSplit(options.redactor) };
  if (bytes.length > MAX_LINE_BYTES || options.midline) return longLine(bytes, bytes.length, options);
  return { kind: "lines", end: bytes.length, next: bytes.length };
}

/** All lines up to the last line break, less those from a too long one on. */
function wholeLines(bytes: Buffer): Cut {
  let end = bytes.lastIndexOf(10) + 1;
  if (end > MAX_LINE_BYTES) end = bytes.lastIndexOf(10, MAX_LINE_BYTES) + 1;
  return { kind: "lines", end, next: end };
}

function longLine(bytes: Buffer, lineEnd: number, { midline, redactor }: CutOptions): Cut {
  const end = lineEnd > 0 && bytes[lineEnd - 1] === 13 ? lineEnd - 1 : lineEnd;
  const next = Math.min(lineEnd + 1, bytes.length);
  if (end > MAX_LINE_BYTES) {
    const piece = split(bytes.subarray(0, end), redactor);
    return piece.end < end ? piece : { ...piece, next, last: true };
  }
  return midline ? { kind: "piece", end, next, last: true } : { kind: "lines", end: next, next };
}

function split(bytes: Buffer, redactor: Redactor | undefined): Extract<Cut, { kind: "piece" }> {
  const safe = redactor ? redactor.cutBefore(bytes, characterStart(bytes, MAX_LINE_BYTES)) : characterStart(bytes, MAX_LINE_BYTES);
  return { kind: "piece", end: safe, next: safe, last: false };
}

/** The start of the UTF-8 character that `at` lies in; `at` itself where the bytes are no UTF-8. */
function characterStart(bytes: Buffer, at: number): number {
  for (let start = at; start > at - 4 && start > 0; start--) if (((bytes[start] ?? 0) & 0xc0) !== 0x80) return start;
  return at;
}
