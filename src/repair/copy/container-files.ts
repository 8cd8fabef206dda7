import { constants } from "node:fs";
import { readlink } from "node:fs/promises";
import { dirname, basename } from "node:path/posix";
import { OrcoError } from "../../kernel/errors.ts";
import type { CallOptions, Engine } from "../../supervise/docker/engine.ts";
import { padding, TAR_BLOCK, TAR_END, tarHeader } from "../../supervise/docker/tar.ts";
import { MAX_FILE_BYTES } from "./copy-files.ts";
import { listPaths, type PathFacts } from "./list-paths.ts";
import { below, openFolder, openPlain } from "./open-plain.ts";
import { MAX_COPY_FILES } from "./tree-copy.ts";

const CHUNK_BYTES = 256 * 1024;
/** What a tool makes anew, or does not look at. */
const NOT_SENT = new Set(["node_modules", ".venv", "venv", "__pycache__"]);

/** A plain file of a container, running or not; undefined where there is none, or a link. `too_large` over 16 MiB. */
export async function fileOf(
  engine: Engine,
  container: string,
  { path, ...options }: CallOptions & { path: string },
): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of engine.stream("GET", pathOf(container), { ...options, query: { path } })) {
      size += chunk.length;
      if (size > MAX_FILE_BYTES + 4 * TAR_BLOCK)
        throw new OrcoError("too_large", `${path} is larger than ${MAX_FILE_BYTES} bytes`, { path });
      chunks.push(chunk.slice());
    }
  } catch (error) {
    if (error instanceof OrcoError && error.code === "not_found") return undefined;
    throw error;
  }
  return firstFile(Buffer.concat(chunks));
}

/** Lays the files of a folder of the copy below `to` in a container that has not started; root's. */
export async function sendFolder(
  engine: Engine,
  container: string,
  { root, folder, to, ...options }: CallOptions & { root: string; folder: string; to: string },
): Promise<void> {
  await engine.call("PUT", pathOf(container), { timeoutMs: 300_000, ...options, query: { path: "/" }, bytes: tarOf({ root, folder, to }) });
}

async function* tarOf({ root, folder, to }: { root: string; folder: string; to: string }): AsyncGenerator<Uint8Array, void> {
  const top = to.replace(/^\//, "");
  yield tarHeader({ kind: "folder", path: top, mode: 0o755, size: 0, mtime: 0 });
  if (folder !== "") yield tarHeader({ kind: "folder", path: `${top}/${folder}`, mode: 0o755, size: 0, mtime: 0 });
  for (const facts of await listPaths(root, folder, MAX_COPY_FILES)) {
    if (facts.path.split("/").some((part) => NOT_SENT.has(part))) continue;
    yield* facts.isPlain ? plainFile(root, facts, top) : link(root, facts, top);
  }
  yield TAR_END;
}

async function* link(root: string, { path, mode }: PathFacts, top: string): AsyncGenerator<Uint8Array, void> {
  const folder = await openFolder(root, dirname(path));
  try {
    const linkTarget = await readlink(below(folder.fd, basename(path)));
    yield tarHeader({ kind: "symlink", path: `${top}/${path}`, mode, size: 0, mtime: 0, linkTarget });
  } finally {
    await folder.close();
  }
}

async function* plainFile(root: string, { path, mode }: PathFacts, top: string): AsyncGenerator<Uint8Array, void> {
  const file = await openPlain(root, path, constants.O_RDONLY);
  try {
    const { size, mtimeMs } = await file.stat();
    yield tarHeader({ kind: "file", path: `${top}/${path}`, mode, size, mtime: Math.floor(mtimeMs / 1000) });
    for (let left = size; left > 0;) {
      const chunk = Buffer.alloc(Math.min(left, CHUNK_BYTES));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
      left -= bytesRead === 0 ? chunk.length : bytesRead;
      yield bytesRead === 0 ? chunk : chunk.subarray(0, bytesRead);
    }
    yield Buffer.alloc(padding(size));
  } finally {
    await file.close();
  }
}

function pathOf(container: string): string {
  return `/containers/${encodeURIComponent(container)}/archive`;
}

function firstFile(tar: Buffer): Buffer | undefined {
  for (let at = 0; at + TAR_BLOCK <= tar.length;) {
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 136), 8) || 0;
    const type = tar.toString("latin1", at + 156, at + 157);
    const begin = at + TAR_BLOCK;
    if (type === "0" || type === "\0") return begin + size > tar.length ? undefined : tar.subarray(begin, begin + size);
    at = begin + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK;
  }
  return undefined;
}
