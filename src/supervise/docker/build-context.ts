import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { errnoOf, fileTrouble, OrcoError } from "../../kernel/errors.ts";
import { type Context, type ContextFile, contextFiles, openContext } from "./context-files.ts";
import { padding, TAR_END, tarHeader } from "./tar.ts";

const CHUNK_BYTES = 256 * 1024;
/** Files read at a time while a digest is made. */
const AT_ONCE = 32;

export interface BuildInput {
  /** Absolute. */
  readonly context: string;
  /** Relative to the context, or absolute. */
  readonly dockerfile?: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly target?: string;
}

/**
 * Hash over everything that goes into a build: files of the context that .dockerignore leaves in, their modes, the Dockerfile, arguments and target.
 * Throws `invalid` naming the folder or the file that cannot be read.
 */
export async function buildDigest(build: BuildInput): Promise<string> {
  const context = await openContext(build);
  const sum = headOf(build, context);
  let batch: ContextFile[] = [];
  const flush = async (): Promise<void> => {
    for (const line of await Promise.all(batch.map(readLine))) sum.update(line);
    batch = [];
  };
  for await (const file of contextFiles(context)) {
    batch.push(file);
    if (batch.length >= AT_ONCE) await flush();
  }
  await flush();
  return sum.digest("hex");
}

/**
 * The context as a tar. `digest` is what the files had when it was decided to build them: one that is another by now ends the tar with
 * an error before its end, and docker builds nothing.
 */
export async function* contextTar(
  build: BuildInput,
  { context, digest }: { context: Context; digest: string },
): AsyncGenerator<Uint8Array, void> {
  const sum = headOf(build, context);
  for await (const file of contextFiles(context)) {
    if (file.kind !== "file") {
      yield tarHeader(file);
      sum.update(lineOf(file, file.linkTarget ?? ""));
      continue;
    }
    const handle = await unlessGone(file, open(file.file));
    if (!handle) continue;
    const content = createHash("sha256");
    try {
      yield tarHeader(file);
      yield* bytesOf(handle, file.size, content);
      yield Buffer.alloc(padding(file.size));
    } finally {
      await handle.close();
    }
    sum.update(lineOf(file, content.digest("hex")));
  }
  if (sum.digest("hex") !== digest) throw new ContextChanged();
  yield TAR_END;
}

/** Files were written while they were sent. */
export class ContextChanged extends Error {}

function headOf({ args = {}, target = "" }: BuildInput, { dockerfile }: Context): Hash {
  const head = { args: Object.entries(args).toSorted(([a], [b]) => (a < b ? -1 : 1)), target, dockerfile };
  return createHash("sha256").update(`${JSON.stringify(head)}\n`);
}

/** Times and owners do not count: a checkout elsewhere is the same context. */
function lineOf({ path, kind, mode }: ContextFile, content: string): string {
  return `${JSON.stringify([path, kind, kind === "symlink" ? 0 : mode, content])}\n`;
}

/** Empty for a file that is gone since its folder was read: it is not part of the context. */
async function readLine(file: ContextFile): Promise<string> {
  if (file.kind !== "file") return lineOf(file, file.linkTarget ?? "");
  const digest = await (file.size > CHUNK_BYTES ? digestOfLarge(file) : digestOfSmall(file));
  return digest === undefined ? "" : lineOf(file, digest);
}

/** In one go: several times faster than piece by piece. */
async function digestOfSmall(file: ContextFile): Promise<string | undefined> {
  const bytes = await unlessGone(file, readFile(file.file));
  return bytes && createHash("sha256").update(bytes).digest("hex");
}

async function digestOfLarge(file: ContextFile): Promise<string | undefined> {
  const handle = await unlessGone(file, open(file.file));
  if (!handle) return undefined;
  const content = createHash("sha256");
  try {
    for await (const _ of bytesOf(handle, file.size, content));
  } finally {
    await handle.close();
  }
  return content.digest("hex");
}

async function unlessGone<Value>({ file }: ContextFile, reading: Promise<Value>): Promise<Value | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    const next = "leave it out with .dockerignore, or make it readable";
    throw new OrcoError("invalid", `build context: ${file}: ${fileTrouble(error)}; ${next}`, { path: file }, { cause: error });
  }
}

/** As many bytes as a header promises, whatever has become of the file since: one that got shorter has zeros, and another digest. */
async function* bytesOf(handle: FileHandle, size: number, content: Hash): AsyncGenerator<Uint8Array, void> {
  for (let left = size; left > 0;) {
    const chunk = Buffer.alloc(Math.min(left, CHUNK_BYTES));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
    const bytes = bytesRead === 0 ? chunk : chunk.subarray(0, bytesRead);
    content.update(bytes);
    left -= bytes.length;
    yield bytes;
  }
}
