import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

const CHUNK_BYTES = 64 * 1024;

/**
 * The text of a file that somebody else has named. A pipe or a device would hold the caller up for ever or never end: neither is read, nor more than
 * `maxBytes`. Throws a system error (ENOTSUP, EFBIG for those), whose message says why.
 */
export function readTextFile(path: string, maxBytes: number): string {
  // Opening a pipe waits for its writer unless it is told not to.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    if (found.isDirectory()) throw refusal("EISDIR", "it is a directory");
    if (!found.isFile()) throw refusal("ENOTSUP", "it is no regular file");
    return readAll(fd, maxBytes).toString("utf8");
  } finally {
    closeSync(fd);
  }
}

/** Files of /proc have no size, and others grow: what counts is what there is to read. */
function readAll(fd: number, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; ;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = readSync(fd, chunk);
    if (count === 0) return Buffer.concat(chunks, total);
    total += count;
    if (total > maxBytes) throw refusal("EFBIG", `it is larger than ${maxBytes} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
}

function refusal(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
