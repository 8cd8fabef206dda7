import { readFileSync, rmSync, statSync, writeFileSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { Descriptor } from "./descriptor.ts";

const CHUNK_BYTES = 256 * 1024;

/**
 * The SHA-256 of an artifact lies beside it, with what the file looks like that it was taken of. It is a memory only: when it does not fit, because two
 * uploads crossed or the power failed, it is taken again.
 */
interface Note {
  readonly sha256: string;
  readonly of: string;
}

/** Before the temporary file becomes the artifact. */
export function noteHash(folder: string, name: string, { temporary, sha256 }: { temporary: string; sha256: string }): void {
  write(folder, name, { sha256, of: looksOf(statSync(temporary)) });
}

export async function hashOf(folder: string, name: string, file: Descriptor): Promise<string> {
  const of = looksOf(await file.stat());
  const note = read(folder, name);
  if (note?.of === of) return note.sha256;
  const sha256 = await hash(file);
  write(folder, name, { sha256, of });
  return sha256;
}

/** What tells that a file is still the one it was. */
export function looksOf({ ino, size, mtimeMs }: Pick<Stats, "ino" | "size" | "mtimeMs">): string {
  return `${ino} ${size} ${mtimeMs}`;
}

async function hash(file: Descriptor): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for (let at = 0; ;) {
    const chunk = await file.read(at, CHUNK_BYTES);
    if (chunk.length === 0) return hasher.digest("hex");
    hasher.update(chunk);
    at += chunk.length;
  }
}

function read(folder: string, name: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(folder, name), "utf8")) as Note;
  } catch {
    return undefined; // none, or half of one
  }
}

function write(folder: string, name: string, note: Note): void {
  const path = pathOf(folder, name);
  try {
    rmSync(path, { force: true });
    writeFileSync(path, JSON.stringify(note), { flag: "wx", mode: 0o600 });
  } catch {
    // The disk is full, or somebody else was first: then it is taken again when it is asked for.
  }
}

function pathOf(folder: string, name: string): string {
  return join(folder, `.${name}.sha256`);
}
