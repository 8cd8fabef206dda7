import { chmod, chown, lstat, mkdir, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { errnoOf, fileTrouble, OrcoError } from "../../kernel/errors.ts";
import { containerOwner, type Owner } from "./container-owner.ts";
import type { Engine } from "./engine.ts";

/** File systems that are memory: what lies there never gets onto a disk. Source: statfs(2). */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

export interface SecretFile {
  readonly name: string;
  /** Inside the container. */
  readonly path: string;
  readonly value: string;
}

export interface PlacedSecrets {
  /** To be mounted read-only. */
  readonly binds: readonly { readonly source: string; readonly target: string }[];
}

export interface SecretFilesOptions {
  /** Of the label `orco.home`: daemons of one user have folders of their own. */
  readonly homeId: string;
  /** Folder of an instance, for machines without a file system in memory. */
  readonly instanceDir: (instance: string) => string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folders tried in their order; those of the machine unless given. */
  readonly places?: readonly string[];
}

/** Secrets that are files in containers: files of this machine, in memory where it can be, mounted one by one. */
export class SecretFiles {
  constructor(private readonly options: SecretFilesOptions) {}

  /** Writes them, for root alone until `own` has been called. Throws `start_failed`, or `disk_full`. */
  async place(instance: string, secrets: readonly SecretFile[]): Promise<PlacedSecrets> {
    if (secrets.length === 0) return { binds: [] };
    const folder = await this.makeFolder(instance);
    const binds = secrets.map(({ path }, at) => ({ source: join(folder, String(at)), target: posix.resolve("/", path) }));
    try {
      for (const [at, { value }] of secrets.entries()) await writeFile(binds[at]?.source ?? "", value, { mode: 0o400, flag: "wx" });
    } catch (error) {
      await this.remove(instance);
      const code = ["ENOSPC", "EDQUOT"].includes(errnoOf(error) ?? "") ? "disk_full" : "start_failed";
      throw new OrcoError(code, `secrets cannot be written to ${folder}: ${fileTrouble(error)}`, { path: folder });
    }
    return { binds };
  }

  /** Gives them to the user of a container that has been created and not started. `user` as docker takes it, the image's own included. */
  async own(
    engine: Engine,
    container: string,
    { binds, user, signal }: PlacedSecrets & { user: string; signal?: AbortSignal },
  ): Promise<void> {
    if (binds.length === 0) return;
    const owner = await containerOwner(engine, container, { user, ...(signal && { signal }) });
    for (const { source } of binds) await give(source, owner);
  }

  /** Nothing happens when there are none. */
  async remove(instance: string): Promise<void> {
    for (const place of this.places()) await rm(join(this.below(place), instance), { recursive: true, force: true });
    await rm(this.fallback(instance), { recursive: true, force: true });
  }

  /** What there are secrets in memory for, of former daemons too. */
  async keys(): Promise<string[]> {
    const found = await Promise.all(this.places().map((place) => namesIn(this.below(place))));
    return [...new Set(found.flat())];
  }

  /** The first place in memory that is, or can be, ours alone. */
  private async makeFolder(instance: string): Promise<string> {
    for (const place of this.places()) {
      const top = join(place, this.top());
      if ((await isInMemory(place)) && (await isOurs(top))) return freshFolder(join(this.below(place), instance));
    }
    return freshFolder(this.fallback(instance));
  }

  private places(): readonly string[] {
    const { places, env = process.env } = this.options;
    return places ?? ["/run", env["XDG_RUNTIME_DIR"] ?? "", "/dev/shm"].filter((place) => place.startsWith("/"));
  }

  private top(): string {
    return `orco-${process.getuid?.() ?? 0}`;
  }

  private below(place: string): string {
    return join(place, this.top(), this.options.homeId);
  }

  private fallback(instance: string): string {
    return join(this.options.instanceDir(instance), "secrets");
  }
}

async function freshFolder(path: string): Promise<string> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

async function isInMemory(place: string): Promise<boolean> {
  try {
    return IN_MEMORY.has((await statfs(place)).type);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}

/** Anybody may have made a folder of that name in /dev/shm. */
async function isOurs(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") return false;
  }
  const found = await lstat(folder);
  return found.isDirectory() && found.uid === (process.getuid?.() ?? 0) && (found.mode & 0o077) === 0;
}

/** Only root can give files away; else they are for all, in a folder that nobody else gets into. */
async function give(file: string, { uid, gid }: Owner): Promise<void> {
  const [ownUid, ownGid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (ownUid === 0) await chown(file, uid, gid);
  else if (uid !== ownUid && uid !== 0) await chmod(file, 0o444);
  else if (gid !== ownGid) await chmod(file, 0o400);
}
