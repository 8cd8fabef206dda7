import { constants, type Stats } from "node:fs";
import { chmod, copyFile, type FileHandle, lstat, mkdir, open, readdir, readlink, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, OrcoError } from "../../kernel/errors.ts";
import type { CopyRules } from "./copy-rules.ts";
import { below, plainIn } from "./open-plain.ts";

const MAX_COPY_BYTES = 2 * 1024 ** 3;
export const MAX_COPY_FILES = 200_000;
/** Below that, the path of no file is longer than the system takes. */
const MAX_DEPTH = 100;
const AT_ONCE = 16;
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export interface CopyLimits {
  readonly bytes: number;
  readonly files: number;
}

interface Folder {
  readonly rules: CopyRules;
  /** Relative to the context. */
  readonly path: string;
  /** Where its copy goes. */
  readonly to: string;
  readonly depth?: number;
}

/** Copies a tree by the descriptors of its folders, so that one that becomes a link meanwhile leads nowhere. Sockets, pipes and devices are left out. */
export class TreeCopy {
  private files = 0;
  private bytes = 0;
  private readonly signal: AbortSignal;
  private readonly limits: CopyLimits;

  constructor({ signal, limits = { bytes: MAX_COPY_BYTES, files: MAX_COPY_FILES } }: { signal: AbortSignal; limits?: CopyLimits }) {
    this.signal = signal;
    this.limits = limits;
  }

  /** A context, by its open folder. */
  async tree(fd: number, { rules, to }: Pick<Folder, "rules" | "to">): Promise<void> {
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await this.folder(fd, { rules, path: "", to });
  }

  private async folder(fd: number, { rules, path, to, depth = 0 }: Folder): Promise<void> {
    if (depth > MAX_DEPTH) throw this.tooLarge(`folders in folders, more than ${MAX_DEPTH}`);
    await mkdir(to, { recursive: depth === 0, mode: 0o700 });
    const names = (await readdir(below(fd, "."))).toSorted();
    for (let at = 0; at < names.length; at += AT_ONCE) {
      this.signal.throwIfAborted();
      const batch = names
        .slice(at, at + AT_ONCE)
        .map((name) => ({ rules, name, path: path === "" ? name : `${path}/${name}`, to: join(to, name) }));
      const folders = await allEnded(batch.map((entry) => this.entry(fd, entry)));
      for (const entry of folders) if (entry) await this.inner(fd, { ...entry, depth: depth + 1 });
    }
    // The uppermost may be the copy itself, which is private.
    if (depth === 0) return;
    const { mode, mtimeMs } = await lstat(below(fd, "."));
    // Its owner has to be able to take it away again.
    await chmod(to, (mode & 0o777) | 0o700);
    await utimes(to, mtimeMs / 1000, mtimeMs / 1000);
  }

  /** With its mode and time; blocks are shared where the file system can, hard links are not. */
  async file(from: FileHandle, to: string): Promise<void> {
    const { mode, size, mtimeMs } = await from.stat();
    this.count(size);
    await copyFile(`/proc/self/fd/${from.fd}`, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(to, (mode & 0o777) | 0o600);
    await utimes(to, mtimeMs / 1000, mtimeMs / 1000);
  }

  /** Copied, unless it is a folder: then it is returned. */
  private async entry(fd: number, entry: Folder & { readonly name: string }): Promise<(Folder & { readonly name: string }) | undefined> {
    const found = await unlessGone(entry.path, lstat(below(fd, entry.name)));
    const what = found && entry.rules.of(entry.path, found.isDirectory());
    if (!found || what === "skip") return undefined;
    if (found.isDirectory()) return entry;
    await unlessGone(entry.path, what === "placeholder" ? this.placeholder(entry) : this.leaf(fd, { entry, found }));
    return undefined;
  }

  private async leaf(fd: number, { entry, found }: { entry: Folder & { readonly name: string }; found: Stats }): Promise<void> {
    if (found.isSymbolicLink()) {
      this.count(0);
      return symlink(await readlink(below(fd, entry.name)), entry.to);
    }
    if (!found.isFile()) return;
    const file = await plainIn(fd, entry.name, constants.O_RDONLY);
    try {
      await this.file(file, entry.to);
    } finally {
      await file.close();
    }
  }

  private async inner(fd: number, entry: Folder & { readonly name: string }): Promise<void> {
    this.count(0);
    const folder = await unlessGone(entry.path, open(below(fd, entry.name), FOLDER));
    if (!folder) return;
    try {
      await this.folder(folder.fd, entry);
    } finally {
      await folder.close();
    }
  }

  /** A COPY of it must not fail for want of it, but what it says stays where it is. */
  private async placeholder({ to }: Folder): Promise<void> {
    this.count(0);
    await writeFile(to, "", { flag: "wx", mode: 0o600 });
  }

  private count(bytes: number): void {
    this.files++;
    this.bytes += bytes;
    if (this.files > this.limits.files) throw this.tooLarge(`more than ${this.limits.files} files`);
    if (this.bytes > this.limits.bytes) throw this.tooLarge(`more than ${Math.round(this.limits.bytes / 1024 ** 2)} MiB`);
  }

  private tooLarge(what: string): OrcoError {
    return new OrcoError("too_large", `the build context has ${what}: leave out what the image does not need with a .dockerignore`, {
      files: this.files,
      bytes: this.bytes,
    });
  }
}

/** Nothing is still being written when the first failure is told. */
async function allEnded<Value>(work: readonly Promise<Value>[]): Promise<Value[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Gone, or another thing, since its folder was read: not part of the copy. */
async function unlessGone<Value>(path: string, work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    if (["ENOENT", "ELOOP", "ENOTDIR", "ENXIO", "EINVAL"].includes(errno)) return undefined;
    if (errno !== "EACCES" && errno !== "EPERM") throw error;
    const next = "leave it out with a .dockerignore, or make it readable";
    throw new OrcoError("compose_invalid", `build context: ${path}: permission denied; ${next}`, { path }, { cause: error });
  }
}
