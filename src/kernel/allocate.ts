import { FFIType } from "bun:ffi";
import { closeSync, fstatSync, openSync } from "node:fs";
import { openC } from "./libc.ts";

const KEEP_SIZE = 1;
/** Less than this is not worth having. */
const LEAST_BYTES = 64 * 1024;

/**
 * Gives a file blocks beyond its end, which nobody else can take then, and leaves its size. Returns how many bytes: as many as there are of
 * `bytes`, halved until they fit; 0 where nothing fits, or this file system or machine cannot. `free` is called just before: between the two there
 * is no time for others.
 */
export function allocateBeyond(path: string, bytes: number, free: () => void): number {
  const symbols = openC({
    fallocate: { args: [FFIType.i32, FFIType.i32, FFIType.i64, FFIType.i64], returns: FFIType.i32 },
  })?.symbols;
  const fd = openSync(path, "r+");
  try {
    const { size } = fstatSync(fd);
    free();
    for (let wanted = symbols ? bytes : 0; wanted >= LEAST_BYTES; wanted /= 2)
      if (symbols?.fallocate(fd, KEEP_SIZE, size, wanted) === 0) return wanted;
    return 0;
  } finally {
    closeSync(fd);
  }
}
