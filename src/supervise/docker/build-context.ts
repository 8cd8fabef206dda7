import { createHash, type Hash } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { fileTrouble, OrcoError } from "../../kernel/errors.ts";
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
  let batch: Promise<string>[] = [];
  const flush = async (): Promise<void> => {
    for (const line of await Promise.all(batch)) sum.update(line);
    batch = [];
  };
  for await (const file of contextFiles(context)) {
    batch.push(contentOf(file).then((content) => lineOf(file, content)));
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
    const content = createHash("sha256");
    yield tarHeader(file);
    if (file.kind === "file") yield* bytesOf(file, content);
    sum.update(lineOf(file, file.kind === "file" ? content.digest("hex") : (file.linkTarget ?? "")));
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

async function contentOf(file: ContextFile): Promise<string> {
  if (file.kind !== "file") return file.linkTarget ?? "";
  const content = createHash("sha256");
  if (file.size > CHUNK_BYTES) for await (const _ of bytesOf(file, content));
  else content.update(await readFile(file.file).catch((error: unknown) => unreadable(file, error)));
  return content.digest("hex");
}

/** As many bytes as the header promised, whatever has become of the file since, and what fills up the block. */
async function* bytesOf({ file, size, ...rest }: ContextFile, content: Hash): AsyncGenerator<Uint8Array, void> {
  const handle = await open(file).catch((error: unknown) => unreadable({ file, size, ...rest }, error));
  try {
    let left = size;
    while (left > 0) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(left, CHUNK_BYTES)), 0, Math.min(left, CHUNK_BYTES), null);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      content.update(chunk);
      left -= bytesRead;
      yield chunk;
    }
    // It has got shorter: the digest tells, the tar stays one.
    for (; left > 0; left -= Math.min(left, CHUNK_BYTES)) yield Buffer.alloc(Math.min(left, CHUNK_BYTES));
  } finally {
    await handle.close();
  }
  if (padding(size) > 0) yield Buffer.alloc(padding(size));
}

function unreadable({ file }: ContextFile, error: unknown): never {
  throw new OrcoError("invalid", `build context: ${file}: ${fileTrouble(error)}; leave it out with .dockerignore, or make it readable`, {
    path: file,
  });
}
