import { constants, readFileSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "../../../kernel/errors.ts";
import { hashRange } from "../digest.ts";
import type { ModelRoots } from "../roots.ts";
import { Room } from "./room.ts";
import { FetchTrouble } from "./trouble.ts";

const FOLDER = ".partial";
const OPEN = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;

/** What the bytes that are there belong to. */
interface Origin {
  readonly url: string;
  /** ETag or Last-Modified, as If-Range takes it; none: nobody can tell whether the file is still the same. */
  readonly validator?: string;
  /** Of the machine when they were written: after another start they may never have reached the disk. */
  readonly boot: string;
}

/** The beginning of a file that is being fetched. It outlives the daemon. */
export class Partial {
  /** Of all bytes that are there. */
  hasher = new Bun.CryptoHasher("sha256");
  size = 0;
  private readonly room: Room;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private origin: Origin | undefined,
  ) {
    this.room = new Room(dirname(path));
  }

  /** Opens what there is of that URL, or begins anew. `sure`: a digest will tell whether the bytes are right. */
  static async open(
    { roots, id, url, sure }: { readonly roots: ModelRoots; readonly id: string; readonly url: string; readonly sure: boolean },
    signal: AbortSignal,
  ): Promise<Partial> {
    const path = pathOf(roots.first, id);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    roots.assertInside(dirname(path));
    const origin = await originOf(path);
    const partial = new Partial(path, await open(path, OPEN, 0o600), origin);
    try {
      const isOurs = origin?.url === url && origin.validator !== undefined && (sure || origin.boot === bootId());
      if (isOurs) await partial.rehash(signal);
      else await partial.restart();
      return partial;
    } catch (error) {
      await partial.close();
      throw error;
    }
  }

  /** For If-Range; undefined: from the beginning. */
  get validator(): string | undefined {
    return this.size > 0 ? this.origin?.validator : undefined;
  }

  /** Forgets every byte. */
  async restart(origin?: { readonly url: string; readonly validator: string | undefined }): Promise<void> {
    await this.file.truncate(0);
    this.size = 0;
    this.hasher = new Bun.CryptoHasher("sha256");
    this.origin = undefined;
    if (!origin) return rm(originPath(this.path), { force: true });
    const { url, validator } = origin;
    this.origin = { url, ...(validator !== undefined && { validator }), boot: bootId() };
    await writeFile(`${originPath(this.path)}.new`, JSON.stringify(this.origin), { mode: 0o600 });
    await rename(`${originPath(this.path)}.new`, originPath(this.path));
  }

  /** Throws `FetchTrouble` when as many bytes more do not fit. */
  assertFits(bytes: number): Promise<void> {
    return this.room.assertFits(bytes);
  }

  async write(bytes: Buffer): Promise<void> {
    await this.room.take(bytes.length);
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.file.write(bytes, at, bytes.length - at, this.size + at);
      at += bytesWritten;
    }
    this.hasher.update(bytes);
    this.size += bytes.length;
  }

  /** The whole file is there: it goes to its place, and is on disk when this resolves. */
  async settle(path: string, roots: ModelRoots): Promise<void> {
    await this.file.sync();
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    roots.assertInside(dirname(path));
    await rename(this.path, path);
    for (const folder of new Set([dirname(path), dirname(this.path)])) await syncFolder(folder);
    await rm(originPath(this.path), { force: true });
  }

  async discard(): Promise<void> {
    await removeBoth(this.path);
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async rehash(signal: AbortSignal): Promise<void> {
    const { size } = await this.file.stat();
    this.size = await hashRange(this.file.fd, this.hasher, { from: 0, to: size, signal, onProgress: () => undefined });
  }
}

/** What was fetched so far of a model that is no more. */
export function removePartial(root: string, id: string): Promise<void> {
  return removeBoth(pathOf(root, id));
}

/** Throws where the folder is a link to another one: what lies there is not ours. */
export async function sweepPartials(roots: ModelRoots, isKnown: (id: string) => boolean): Promise<void> {
  const root = roots.first;
  const names = await readdir(join(root, FOLDER)).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  });
  if (names.length > 0) roots.assertInside(join(root, FOLDER));
  for (const name of names) {
    const id = idOf(name);
    if (id === undefined || !isKnown(id)) await rm(join(root, FOLDER, name), { force: true });
  }
}

function pathOf(root: string, id: string): string {
  return join(root, FOLDER, `${encodeURIComponent(id)}.part`);
}

/** Undefined: no file of ours has that name. */
function idOf(name: string): string | undefined {
  try {
    return decodeURIComponent(name.replace(/\.(?:part|origin(?:\.new)?)$/, ""));
  } catch {
    return undefined;
  }
}

function originPath(path: string): string {
  return path.replace(/\.part$/, ".origin");
}

async function removeBoth(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(originPath(path), { force: true });
}

async function originOf(path: string): Promise<Origin | undefined> {
  try {
    return JSON.parse(await readFile(originPath(path), "utf8")) as Origin;
  } catch {
    return undefined;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Of an errno while writing. */
export function diskTrouble(error: unknown, path: string): FetchTrouble | undefined {
  const code = errnoOf(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new FetchTrouble("full", `the disk is full (${path}); what was fetched so far was taken away: make space and fetch it again`);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS" || code === "ELOOP")
    return new FetchTrouble("lasting", `nothing can be written to ${path} (${code}): make the folder one that orco may write`);
  return undefined;
}
