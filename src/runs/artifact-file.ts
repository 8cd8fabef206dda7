import { constants } from "node:fs";
import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import { looksOf } from "./artifact-hash.ts";
import { Descriptor } from "./descriptor.ts";

const CHUNK_BYTES = 64 * 1024;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Writes a new file; returns the SHA-256 of what is on disk now. `count` is told of each chunk and of the size with it, and may throw. */
export async function write(path: string, body: ReadableStream<Uint8Array>, count: (bytes: number, size: number) => void): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const file = await Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    let size = 0;
    for await (const chunk of whole(body)) {
      size += chunk.length;
      count(chunk.length, size);
      hasher.update(chunk);
      await file.write(chunk, size - chunk.length);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hasher.digest("hex");
}

async function* whole(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let done = false;
  try {
    for (;;) {
      const read = await reader.read().catch((error: unknown) => {
        throw new OrcoError("cancelled", `the upload was cut off: ${messageOf(error)}`);
      });
      done = read.done;
      if (read.done) return;
      yield read.value;
    }
  } finally {
    if (!done) await reader.cancel().catch(() => undefined);
  }
}

/** Opens the file when it is first read, and fails when it does not look as it did. A reader that leaves is waited for until its last read is back. */
export function bodyAt(path: string, looks: string): ReadableStream<Uint8Array> {
  const chunks = chunksAt(path, looks);
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const { done, value } = await chunks.next();
    if (done) controller.close();
    else controller.enqueue(value);
  };
  return new ReadableStream({ pull, cancel: async () => void (await chunks.return()) }, { highWaterMark: 0 });
}

async function* chunksAt(path: string, looks: string): AsyncGenerator<Uint8Array, void> {
  const file = await openPlain(path);
  try {
    if (!file || looksOf(await file.stat()) !== looks) throw new OrcoError("conflict", "the artifact was replaced before it was read");
    for (let at = 0; ;) {
      const chunk = await file.read(at, CHUNK_BYTES);
      if (chunk.length === 0) return;
      at += chunk.length;
      yield chunk;
    }
  } finally {
    await file?.close();
  }
}

/** Undefined when it is not there; a link or a pipe is no artifact. */
export async function openPlain(path: string): Promise<Descriptor | undefined> {
  try {
    return await Descriptor.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

/** A rename is on disk when its folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const file = await Descriptor.open(folder, O_RDONLY);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
