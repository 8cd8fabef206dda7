import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, lchownSync, mkdirSync, openSync, readSync, type Stats } from "node:fs";
import { errnoOf } from "../../kernel/errors.ts";
import { patchRefused, type Violation } from "./change.ts";
import { pathProblem } from "./paths.ts";

/** A file that is larger is nothing a repair patches. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** open(2) of Linux; Node has no name for it. Finds a folder that may be searched but not read, too. */
const O_PATH = 0o10000000;
const FOLDER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A pipe is not waited for. */
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A name in a folder that is held open: whatever happens to the path that led there, this stays the same folder. */
export interface Place {
  readonly path: string;
  /** Descriptor. */
  readonly folder: number;
  readonly name: string;
}

export interface Found {
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly stat: Stats;
}

/**
 * Folders below a workspace, each opened from the one above it and never through a symbolic link (openat(2), by way of /proc/self/fd). Held until it
 * is disposed of.
 */
export class Places implements Disposable {
  private readonly folders = new Map<string, number>();

  constructor(private readonly workspace: string) {}

  /** undefined: a folder on the way is not there. Throws `patch_refused` where something else is in its stead. */
  of(path: string): Place | undefined {
    const problem = pathProblem(path);
    if (problem !== undefined) throw refusal(path, "path", problem);
    const names = path.split("/");
    const name = names.pop() ?? "";
    const folder = this.folder(names, path);
    return folder === undefined ? undefined : { path, folder, name };
  }

  /** Makes the folders that lead to the path, as their parents' owner has them. */
  make(path: string): Place {
    const names = path.split("/").slice(0, -1);
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = names.slice(0, depth);
      if (this.folder(folder, path) !== undefined) continue;
      const above = this.folder(folder.slice(0, -1), path);
      if (above !== undefined) makeFolder(above, folder.at(-1) ?? "");
    }
    const place = this.of(path);
    if (!place) throw refusal(path, "path", "lies in a folder that went away");
    return place;
  }

  /** Whether the path still leads to the folder that is held. */
  stillLeadTo({ path, folder }: Place): boolean {
    using now = new Places(this.workspace);
    try {
      const found = now.of(path);
      return found !== undefined && sameFile(fstatSync(found.folder), fstatSync(folder));
    } catch (error) {
      if (errnoOf(error) === undefined) return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.folders.values()) closeSync(fd);
    this.folders.clear();
  }

  private folder(names: readonly string[], path: string): number | undefined {
    const key = names.join("/");
    const known = this.folders.get(key);
    if (known !== undefined) return known;
    const above = names.length === 0 ? undefined : this.folder(names.slice(0, -1), path);
    if (names.length > 0 && above === undefined) return undefined;
    const fd = above === undefined ? openWhole(this.workspace, path) : openBelow(above, names.at(-1) ?? "", path);
    if (fd !== undefined) this.folders.set(key, fd);
    return fd;
  }
}

/** The path of a name in the folder, for any system call. */
export function inside(folder: number, name: string): string {
  return `/proc/self/fd/${folder}/${name}`;
}

/** Null: there is none. Throws `patch_refused` where it is no plain file, or too large. */
export function readAt({ folder, path }: Place, name: string): Found | null {
  const fd = openFile(inside(folder, name), path);
  if (fd === undefined) return null;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw refusal(path, "no_file", "is no plain file");
    const bytes = readWhole(fd, stat.size);
    if (!bytes) throw refusal(path, "size", `is larger than ${MAX_FILE_BYTES} bytes`);
    return { bytes, sha256: sha256Of(bytes), stat };
  } finally {
    closeSync(fd);
  }
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function refusal(path: string, rule: string, message: string) {
  const violation: Violation = { path, rule, message };
  return patchRefused([violation]);
}

function makeFolder(above: number, name: string): void {
  try {
    mkdirSync(inside(above, name), { mode: 0o755 });
  } catch (error) {
    // Somebody was quicker; what it is shows when it is opened.
    if (errnoOf(error) === "EEXIST") return;
    throw error;
  }
  const { uid, gid } = fstatSync(above);
  if (process.getuid?.() === 0) lchownSync(inside(above, name), uid, gid);
}

function sameFile(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

function openWhole(workspace: string, path: string): number {
  let fd = openSync("/", FOLDER);
  for (const name of workspace.split("/").filter((name) => name !== "")) {
    try {
      const next = openBelow(fd, name, path);
      if (next === undefined) throw refusal(path, "path", `lies in ${workspace}, which is not there`);
      closeSync(fd);
      fd = next;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }
  return fd;
}

function openBelow(folder: number, name: string, path: string): number | undefined {
  try {
    return openSync(inside(folder, name), FOLDER);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") return undefined;
    if (errno === "ENOTDIR" || errno === "ELOOP")
      throw refusal(path, "symlink", `leads through ${JSON.stringify(name)}, which is a link or no folder`);
    throw error;
  }
}

function openFile(file: string, path: string): number | undefined {
  try {
    return openSync(file, FILE);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") return undefined;
    if (errno === "ELOOP") throw refusal(path, "symlink", "is a symbolic link");
    if (errno === "ENXIO" || errno === "ENODEV") throw refusal(path, "no_file", "is no plain file");
    throw error;
  }
}

/** It may grow meanwhile. undefined: too large. */
function readWhole(fd: number, size: number): Buffer | undefined {
  if (size > MAX_FILE_BYTES) return undefined;
  const bytes = Buffer.alloc(Math.min(size, MAX_FILE_BYTES) + 1);
  let at = 0;
  while (at < bytes.length) {
    const count = readSync(fd, bytes, at, bytes.length - at, at);
    if (count === 0) return bytes.subarray(0, at);
    at += count;
  }
  return size < MAX_FILE_BYTES ? readWhole(fd, size * 2 + 4096) : undefined;
}
