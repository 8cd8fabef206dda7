import type { Stats } from "node:fs";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import { errnoOf, fileTrouble, OrcoError } from "../../kernel/errors.ts";
import { Dockerignore } from "./dockerignore.ts";

const IGNORE_FILE = ".dockerignore";
/** How many files of a folder are looked at at a time. */
const AT_ONCE = 64;

/** A file, folder or link that goes into a build. `path` is its name in the context, `file` where it lies. */
export interface ContextFile {
  readonly path: string;
  readonly file: string;
  readonly kind: "file" | "folder" | "symlink";
  /** Permission bits. */
  readonly mode: number;
  /** Bytes of a file. */
  readonly size: number;
  /** Epoch seconds. */
  readonly mtime: number;
  readonly linkTarget?: string;
}

export interface Context {
  readonly folder: string;
  readonly ignore: Dockerignore;
  /** Name of the Dockerfile within the context that is sent. */
  readonly dockerfile: string;
  /** Where it lies; outside of the context, perhaps. */
  readonly dockerfilePath: string;
  readonly isOutside: boolean;
}

/** Throws `invalid` naming the folder or the Dockerfile that is not there. */
export async function openContext({ context, dockerfile = "Dockerfile" }: { context: string; dockerfile?: string }): Promise<Context> {
  await require(context, "folder");
  const dockerfilePath = isAbsolute(dockerfile) ? dockerfile : resolve(context, dockerfile);
  await require(dockerfilePath, "file");
  const inside = relative(context, dockerfilePath);
  const isOutside = inside.startsWith("../") || isAbsolute(inside);
  const rules = (await textOf(`${dockerfilePath}${IGNORE_FILE}`)) ?? (await textOf(join(context, IGNORE_FILE))) ?? "";
  const name = isOutside ? ".dockerfile.orco" : inside;
  return { folder: context, ignore: new Dockerignore(rules), dockerfile: name, dockerfilePath, isOutside };
}

async function require(path: string, kind: "folder" | "file"): Promise<void> {
  const what = kind === "folder" ? "build context" : "Dockerfile";
  const found = await stat(path).catch((error: unknown) => {
    throw new OrcoError("invalid", `${what} ${path}: ${fileTrouble(error)}`, { path });
  });
  const fits = kind === "folder" ? found.isDirectory() : found.isFile();
  if (!fits) throw new OrcoError("invalid", `${what} ${path}: it is no ${kind}`, { path });
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw new OrcoError("invalid", `${path}: ${fileTrouble(error)}`, { path });
  }
}

/** What .dockerignore leaves in, folders before what they hold, in an order that depends on names alone. Throws `invalid` for what cannot be read. */
export async function* contextFiles(context: Context): AsyncGenerator<ContextFile, void> {
  yield* below(context, "");
  if (context.isOutside) yield { ...(await look(context.dockerfilePath, context.dockerfile, stat)), kind: "file" };
}

async function* below(context: Context, folder: string): AsyncGenerator<ContextFile, void> {
  const names = (await namesIn(context.folder, folder)).sort();
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const found = await Promise.all(
      names.slice(at, at + AT_ONCE).map((name) => entryOf(context, folder === "" ? name : `${folder}/${name}`)),
    );
    for (const { entry, isIn } of found.flatMap((one) => one ?? [])) {
      if (isIn) yield entry;
      if (entry.kind === "folder" && (isIn || holdsMore(context, entry.path))) yield* below(context, entry.path);
    }
  }
}

async function namesIn(root: string, folder: string): Promise<string[]> {
  try {
    return await readdir(join(root, folder));
  } catch (error) {
    if (errnoOf(error) === "ENOENT" && folder !== "") return [];
    return unreadable(join(root, folder), error);
  }
}

/** The Dockerfile may lie in a folder that is left out. */
function holdsMore({ ignore, dockerfile }: Context, folder: string): boolean {
  return ignore.keepsBelow(folder) || dockerfile.startsWith(`${folder}/`);
}

async function entryOf(context: Context, path: string): Promise<{ entry: ContextFile; isIn: boolean } | undefined> {
  // The builder needs both, and takes them out of the context again where they are ignored.
  const isIn = path === IGNORE_FILE || path === context.dockerfile || !context.ignore.leavesOut(path);
  try {
    const entry = await look(join(context.folder, path), path, lstat);
    return entry.kind === "other" ? undefined : { entry: { ...entry, kind: entry.kind }, isIn };
  } catch (error) {
    // Gone since the folder was read: it is not part of the context.
    if (errnoOf(error) === "ENOENT" && !path.includes("\uFFFD")) return undefined;
    if (!isIn) return undefined;
    return unreadable(join(context.folder, path), error);
  }
}

async function look(
  file: string,
  path: string,
  statOf: (path: string) => Promise<Stats>,
): Promise<Omit<ContextFile, "kind"> & { kind: ContextFile["kind"] | "other" }> {
  const found = await statOf(file);
  const kind = kindOf(found);
  const { mode, mtimeMs } = found;
  const linkTarget = kind === "symlink" ? await readlink(file) : undefined;
  const size = kind === "file" ? found.size : 0;
  return {
    path,
    file,
    kind,
    mode: mode & 0o7777,
    size,
    mtime: Math.floor(mtimeMs / 1000),
    ...(linkTarget !== undefined && { linkTarget }),
  };
}

/** Sockets, pipes and devices are no part of an image. */
function kindOf(found: Stats): ContextFile["kind"] | "other" {
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "folder";
  return found.isSymbolicLink() ? "symlink" : "other";
}

function unreadable(path: string, error: unknown): never {
  throw new OrcoError("invalid", `build context: ${path}: ${fileTrouble(error)}; leave it out with ${IGNORE_FILE}, or make it readable`, {
    path,
  });
}
