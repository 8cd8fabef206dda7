import { dlopen, FFIType } from "bun:ffi";

const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;
const C_LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** Frees the bytes of a file from `from` to `to`; offsets stay. False when this file system or machine cannot. */
export type Punch = (fd: number, from: number, to: number) => boolean;

/** fallocate(2) of the C library, undefined where it cannot be had: then spools keep their bytes until they are removed. */
export function loadPunch(): Punch | undefined {
  for (const library of C_LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        fallocate: { args: [FFIType.i32, FFIType.i32, FFIType.i64, FFIType.i64], returns: FFIType.i32 },
      });
      return (fd, from, to) => symbols.fallocate(fd, PUNCH_HOLE | KEEP_SIZE, from, to - from) === 0;
    } catch {
      // another C library, or none
    }
  }
  return undefined;
}
