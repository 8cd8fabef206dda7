import { chownSync, mkdirSync, readlinkSync, rmSync, statfsSync, symlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "../kernel/errors.ts";

/** TMPFS_MAGIC and RAMFS_MAGIC of statfs(2). */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const PREFIX = "orco-";

export interface PrivateFolderRequest {
  /** It is found again by this path: a link to it, or the folder itself where this machine has no memory for files. Its parent is made. */
  readonly at: string;
  /** Unique on this machine, and not to be guessed. */
  readonly name: string;
  /** Whose it is, if not the daemon's own. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Where folders may be made; each is used only if it is in memory. */
  readonly bases: readonly string[];
}

export interface PrivateFolder {
  readonly path: string;
  /** False: it lies on a disk. */
  readonly inMemory: boolean;
}

/** Folders for what must not reach a disk, best first. */
export function memoryFolders(env: Readonly<Record<string, string | undefined>>): string[] {
  const own = process.getuid?.() === 0 ? ["/run"] : [];
  const session = env["XDG_RUNTIME_DIR"];
  return [...own, ...(session !== undefined && session.startsWith("/") ? [session] : []), "/dev/shm"];
}

/** Makes a folder only its owner can look into (0700). The link stands before the folder does, so that a crash in between leaves nothing unknown. */
export function makePrivateFolder({ at, name, owner, bases }: PrivateFolderRequest): PrivateFolder {
  mkdirSync(dirname(at), { recursive: true, mode: 0o700 });
  removePrivateFolder(at);
  for (const base of bases) {
    if (!isInMemory(base)) continue;
    const path = join(base, `${PREFIX}${name}`);
    symlinkSync(path, at);
    if (made(path, owner)) return { path, inMemory: true };
    rmSync(at);
  }
  mkdirSync(at, { recursive: true, mode: 0o700 });
  if (owner) chownSync(at, owner.uid, owner.gid);
  return { path: at, inMemory: false };
}

/** Where the folder that was made for `at` lies. */
export function privateFolderAt(at: string): string {
  return target(at) ?? at;
}

/** With everything in it; nothing to do where there is none. */
export function removePrivateFolder(at: string): void {
  const path = target(at);
  if (path !== undefined && basename(path).startsWith(PREFIX)) rmSync(path, { recursive: true, force: true });
  rmSync(at, { recursive: true, force: true });
}

function isInMemory(base: string): boolean {
  try {
    return IN_MEMORY.has(statfsSync(base).type);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/** False: not here. A folder that is there already is somebody else's. */
function made(path: string, owner: PrivateFolderRequest["owner"]): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
  if (owner) chownSync(path, owner.uid, owner.gid);
  return true;
}

function target(at: string): string | undefined {
  try {
    return readlinkSync(at);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EINVAL") return undefined;
    throw error;
  }
}
