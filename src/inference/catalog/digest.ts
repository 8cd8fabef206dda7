import { closeSync, read } from "node:fs";
import { promisify } from "node:util";
import { failure } from "../failure.ts";
import { type FileFacts, isSameFile, type ModelRoots, statOf } from "./roots.ts";

const readAt = promisify(read);

/** Hashing this much takes about a millisecond: everything else gets its turn in between. */
const CHUNK_BYTES = 1024 * 1024;

export interface Progress {
  done: number;
  total: number;
}

/** Feeds bytes `from`…`to` (exclusive) of the file to the hasher; less where the file ends early. Rejects with the signal's reason. Returns how many there were. */
export async function hashRange(
  fd: number,
  hasher: Bun.CryptoHasher,
  range: { readonly from: number; readonly to: number; readonly signal: AbortSignal; readonly onProgress: (at: number) => void },
): Promise<number> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let at = range.from;
  while (at < range.to) {
    range.signal.throwIfAborted();
    const { bytesRead } = await readAt(fd, buffer, 0, Math.min(buffer.length, range.to - at), at);
    if (bytesRead === 0) break;
    hasher.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
    range.onProgress(at);
  }
  return at - range.from;
}

/** `sha256:<hex>` of a whole file and the facts of what was read. CONFLICT when it is not there, or changes meanwhile. */
export async function digestOf(
  path: string,
  { roots, progress, signal }: { readonly roots: ModelRoots; readonly progress: Progress; readonly signal: AbortSignal },
): Promise<{ digest: string; facts: FileFacts }> {
  const open = roots.open(path);
  if (!open) throw failure("CONFLICT", `there is no file ${path}`);
  const { fd, facts } = open;
  try {
    progress.total = facts.size;
    const hasher = new Bun.CryptoHasher("sha256");
    const bytes = await hashRange(fd, hasher, { from: 0, to: facts.size, signal, onProgress: (at) => (progress.done = at) });
    if (bytes !== facts.size || !isSameFile(statOf(fd), facts) || !isSameFile(roots.look(path), facts))
      throw failure("CONFLICT", `${path} changed while it was read: verify it again when nobody writes it`);
    return { digest: `sha256:${hasher.digest("hex")}`, facts };
  } finally {
    closeSync(fd);
  }
}
