import { ftruncateSync, readSync, writeSync } from "node:fs";

/** Writes all of `bytes` at `at`; a partial write goes on, so a full disk surfaces as ENOSPC. */
export function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

/** Reads up to `into.length` bytes at `at`; fewer only at the end of the file. */
export function readUpTo(fd: number, into: Uint8Array, at: number): number {
  let done = 0;
  while (done < into.length) {
    const got = readSync(fd, into, done, into.length - done, at + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** For the way back from a failed write: what cannot be cut is overwritten by the next write, or cut by recovery. */
export function cutQuietly(fd: number, size: number): void {
  try {
    ftruncateSync(fd, size);
  } catch {
    // nothing is lost by bytes past the last checkpoint
  }
}
