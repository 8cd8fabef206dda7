import { readSync } from "node:fs";
import { isatty } from "node:tty";
import type { Io } from "./io.ts";

const MAX_ANSWER_BYTES = 256;

/** Somebody can be asked: both ends of the talk are a terminal. */
export function canAsk(): boolean {
  return isatty(0) && isatty(2);
}

/** Asks a yes-or-no question on the terminal; anything but y or yes is a no. */
export function confirmed(io: Io, question: string): boolean {
  io.err(`${question} [y/N] `);
  const bytes = Buffer.alloc(MAX_ANSWER_BYTES);
  const length = readSync(0, bytes);
  return /^\s*y(?:es)?\s*$/i.test(bytes.toString("utf8", 0, length));
}
