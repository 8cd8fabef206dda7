import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, messageOf, OrcoError } from "../kernel/errors.ts";
import { bodyAt, openPlain, syncFolder, write } from "./artifact-file.ts";
import { hashOf, looksOf, noteHash } from "./artifact-hash.ts";
import { Quota } from "./artifact-quota.ts";

export const MAX_ARTIFACT_BYTES = 64 * 1024 * 1024;
const MAX_RUN_BYTES = 256 * 1024 * 1024;
const MAX_ARTIFACTS = 1000;
/** No dot in front: those are ours. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const UPLOADS = ".uploads";

export interface Artifact {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/**
 * What runs leave behind: `$ORCO_HOME/artifacts/<run>/<name>`, there whole or not at all. All throw `invalid` for what is no name or no id of a run.
 */
export class Artifacts {
  private readonly root: string;
  private readonly uploads: string;
  private readonly quota = new Quota();

  constructor(home: string) {
    this.root = join(home, "artifacts");
    this.uploads = join(this.root, UPLOADS);
  }

  /**
   * Takes the place of one of the same name; on disk when it resolves. Throws `too_large` (facts: max_bytes), `disk_full`, `cancelled` when the body
   * was cut off, `conflict` when the run was removed meanwhile; then nothing of it is left.
   */
  async put(run: string, name: string, body: ReadableStream<Uint8Array>): Promise<Artifact> {
    const folder = this.folder(run);
    const path = join(folder, checked(name));
    const temporary = join(this.uploads, crypto.randomUUID());
    let stored = false;
    const share = this.quota.enter(run, () => bytesIn(folder));
    try {
      for (const each of [folder, this.uploads]) mkdirSync(each, { recursive: true, mode: 0o700 });
      refuseMore(folder, name);
      const sha256 = await write(temporary, body, (bytes, size) => {
        if (size > MAX_ARTIFACT_BYTES) throw tooLarge();
        share.add(bytes, MAX_RUN_BYTES);
      });
      noteHash(folder, name, { temporary, sha256 });
      const replaced = sizeOf(path);
      renameSync(temporary, path);
      stored = true;
      share.replaced(replaced);
      await syncFolder(folder);
      return { name, sha256, ...factsOf(statSync(path)) };
    } catch (error) {
      throw storeError(error, { run, name });
    } finally {
      rmSync(temporary, { force: true });
      share.leave(stored);
    }
  }

  /** By name. */
  async list(run: string): Promise<Artifact[]> {
    const artifacts: Artifact[] = [];
    for (const name of namesIn(this.folder(run))) {
      const found = await this.find(run, name);
      if (found) artifacts.push(found.artifact);
    }
    return artifacts;
  }

  /** Throws `not_found`. Nothing is open before the body is read; it fails when the artifact was replaced by then. */
  async open(run: string, name: string): Promise<{ readonly artifact: Artifact; readonly body: ReadableStream<Uint8Array> }> {
    const found = await this.find(run, checked(name));
    if (!found) throw new OrcoError("not_found", `the run has no artifact ${name}`, { run, name });
    return { artifact: found.artifact, body: bodyAt(join(this.folder(run), name), found.looks) };
  }

  /** The run is forgotten. */
  remove(run: string): void {
    rmSync(this.folder(run), { recursive: true, force: true });
  }

  /** For the start of a daemon: takes away what uploads left when the former one died, and artifacts of runs that are no more. */
  sweep(exists: (run: string) => boolean): void {
    rmSync(this.uploads, { recursive: true, force: true });
    for (const run of namesIn(this.root)) if (!exists(run)) this.remove(run);
  }

  private folder(run: string): string {
    return join(this.root, checked(run));
  }

  private async find(run: string, name: string): Promise<Found | undefined> {
    const folder = this.folder(run);
    const file = await openPlain(join(folder, name));
    if (!file) return undefined;
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return undefined;
      return { artifact: { name, sha256: await hashOf(folder, name, file), ...factsOf(stat) }, looks: looksOf(stat) };
    } finally {
      await file.close();
    }
  }
}

interface Found {
  readonly artifact: Artifact;
  readonly looks: string;
}

function checked(name: string): string {
  if (NAME.test(name)) return name;
  throw new OrcoError("invalid", `${JSON.stringify(name)} is no name: letters, digits, . _ - only, 128 at most`, { name });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => NAME.test(name))
      .toSorted();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

function bytesIn(folder: string): number {
  return namesIn(folder).reduce((sum, name) => sum + sizeOf(join(folder, name)), 0);
}

/** 0 when there is none. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function refuseMore(folder: string, name: string): void {
  const names = namesIn(folder);
  if (names.length < MAX_ARTIFACTS || names.includes(name)) return;
  throw new OrcoError("too_large", `a run has ${MAX_ARTIFACTS} artifacts at most`, { max: MAX_ARTIFACTS });
}

function factsOf({ size, mtimeMs }: { size: number; mtimeMs: number }): Pick<Artifact, "size" | "createdAt"> {
  return { size, createdAt: new Date(mtimeMs).toISOString() };
}

function tooLarge(): OrcoError {
  return new OrcoError("too_large", `an artifact has ${MAX_ARTIFACT_BYTES} bytes at most`, { max_bytes: MAX_ARTIFACT_BYTES });
}

function storeError(error: unknown, facts: { run: string; name: string }): OrcoError {
  if (error instanceof OrcoError) return error;
  const errno = errnoOf(error);
  if (errno === "ENOSPC" || errno === "EDQUOT")
    return new OrcoError("disk_full", `the artifact ${facts.name} does not fit: make space on the disk`, facts, { cause: error });
  if (errno === "ENOENT") return new OrcoError("conflict", `the run was removed while ${facts.name} was stored`, facts, { cause: error });
  return new OrcoError("internal", `the artifact ${facts.name} cannot be stored: ${messageOf(error)}`, facts, { cause: error });
}
