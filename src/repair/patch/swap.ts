import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  futimesSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { errnoOf } from "../../kernel/errors.ts";
import { openC } from "../../kernel/libc.ts";
import { inside, type Place } from "./place.ts";

/** renameat2(2). */
const NO_REPLACE = 1;
const EXCHANGE = 2;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** How a file looks besides its bytes. */
export interface Looks {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs?: number | undefined;
}

const libc = openC({ renameat2: { args: ["i32", "buffer", "i32", "buffer", "u32"], returns: "i32" } });

/** Writes a file that is not there yet, and has it on disk when it returns. */
export function writeNew({ folder }: Place, name: string, { bytes, looks }: { bytes: Uint8Array; looks: Looks }): void {
  const fd = openSync(inside(folder, name), NEW_FILE, 0o600);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    // Only root may give files away; another's file becomes ours then, as with any editor that renames.
    tolerating(["EPERM", "EINVAL"], () => fchownSync(fd, looks.uid, looks.gid));
    fchmodSync(fd, looks.mode);
    if (looks.mtimeMs !== undefined) futimesSync(fd, looks.mtimeMs / 1000, looks.mtimeMs / 1000);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * What is to happen at a place: `temp` takes the place of what is there (exchange), comes where nothing is (appear), or what is there goes to `temp`
 * (vanish). Nothing is lost: each of them can be turned back.
 */
export type Move = "exchange" | "appear" | "vanish";

/** False: what is there is not what the move needs. Afterwards, what was there lies at `temp`, as far as the file system can exchange two files. */
export function moveIn(move: Move, { folder, name }: Place, temp: string): boolean {
  const [own, other] = [inside(folder, name), inside(folder, temp)];
  if (move === "appear") return linked(other, own);
  if (move === "vanish") return renamed(own, other);
  if (rename2(folder, { from: temp, to: name, flags: EXCHANGE })) return true;
  if (!exists(own)) return false;
  renameSync(other, own);
  return true;
}

/** Turns a move back; false where something else has come there since. */
export function moveBack(move: Move, { folder, name }: Place, temp: string): boolean {
  const [own, other] = [inside(folder, name), inside(folder, temp)];
  if (move === "exchange") return rename2(folder, { from: temp, to: name, flags: EXCHANGE });
  if (move === "appear") {
    // Both names are of one file.
    unlinkSync(own);
    return true;
  }
  if (rename2(folder, { from: temp, to: name, flags: NO_REPLACE })) return true;
  return linked(other, own) && removed(other);
}

export function remove({ folder }: Place, name: string): void {
  tolerating(["ENOENT"], () => unlinkSync(inside(folder, name)));
}

/** The names in the folder are on disk when it returns; a folder that may not be read is left to the kernel. */
export function syncFolder(folder: number): void {
  tolerating(["EACCES", "EINVAL"], () => {
    const fd = openSync(inside(folder, "."), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

export function tolerating(errnos: readonly string[], act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!errnos.includes(errnoOf(error) ?? "")) throw error;
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function rename2(folder: number, { from, to, flags }: { from: string; to: string; flags: number }): boolean {
  return libc?.symbols.renameat2(folder, Buffer.from(`${from}\0`), folder, Buffer.from(`${to}\0`), flags) === 0;
}

function linked(from: string, to: string): boolean {
  return done(["EEXIST", "ENOENT", "EPERM"], () => linkSync(from, to));
}

function renamed(from: string, to: string): boolean {
  return done(["ENOENT"], () => renameSync(from, to));
}

function removed(path: string): boolean {
  unlinkSync(path);
  return true;
}

function done(errnos: readonly string[], act: () => void): boolean {
  let is = false;
  tolerating(errnos, () => {
    act();
    is = true;
  });
  return is;
}
