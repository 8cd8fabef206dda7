import { FFIType } from "bun:ffi";
import { openC } from "../../kernel/libc.ts";

const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;

/** Frees the bytes of a file from `from` to `to`; offsets stay. False when this file system or machine cannot. */
export type Punch = (fd: number, from: number, to: number) => boolean;

/** fallocate(2) of the C library, undefined where it cannot be had: then spools keep their bytes until they are removed. */
export function loadPunch(): Punch | undefined {
  const symbols = openC({
    fallocate: { args: [FFIType.i32, FFIType.i32, FFIType.i64, FFIType.i64], returns: FFIType.i32 },
  })?.symbols;
  return symbols && ((fd, from, to) => symbols.fallocate(fd, PUNCH_HOLE | KEEP_SIZE, from, to - from) === 0);
}
