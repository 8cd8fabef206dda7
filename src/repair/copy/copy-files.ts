import { constants } from "node:fs";
import { type FileHandle, mkdir, rm } from "node:fs/promises";
import { posix } from "node:path";
import { errnoOf, OrcoError } from "../../kernel/errors.ts";
import type { Copy } from "../target.ts";
import { below, isAbsent, openFolder, openPlain } from "./open-plain.ts";
import { textOf } from "./text-of.ts";

/** A lock file of a large project is some MB. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** What has become of a file; null: there was, or is, none. */
export interface CopyChange {
  /** Relative to the workspace, with `/`. */
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
  /** Permission bits. */
  readonly mode: number;
}

interface Held {
  readonly text: string | null;
  readonly mode: number;
}

const ABSENT: Held = { text: null, mode: 0o644 };

/** Text files of a copy, as they are changed: what they were is kept, and can be had again. No link is followed. */
export class CopyFiles {
  private readonly first = new Map<string, Held>();

  constructor(private readonly copy: Copy) {}

  /** null where there is none. `patch_refused` for what is no plain text file of at most 16 MiB. */
  async read(path: string): Promise<string | null> {
    return (await this.held(path)).text;
  }

  /** null takes it away. A new file is 0644, another keeps its mode. */
  async write(path: string, text: string | null): Promise<void> {
    const before = await this.held(path);
    if (!this.first.has(path)) this.first.set(path, before);
    if (text === null) return this.remove(path);
    await this.makeFolders(path);
    const file = await openPlain(this.copy.root, path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  }

  /** Files that were written and are not as they were, by path. */
  async changes(): Promise<CopyChange[]> {
    const changes: CopyChange[] = [];
    for (const [path, { text, mode }] of this.first) {
      const now = await this.held(path);
      if (now.text !== text) changes.push({ path, before: text, after: now.text, mode });
    }
    return changes.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** The texts of some files as they are now; `restore` brings them back. */
  async keep(paths: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
    const kept = new Map<string, string | null>();
    for (const path of paths) kept.set(path, await this.read(path));
    return kept;
  }

  async restore(kept: ReadonlyMap<string, string | null>): Promise<void> {
    for (const [path, text] of kept) if ((await this.read(path)) !== text) await this.write(path, text);
  }

  private async held(path: string): Promise<Held> {
    const file = await this.existing(path);
    if (!file) return ABSENT;
    try {
      const { size, mode } = await file.stat();
      const bytes = size > MAX_FILE_BYTES ? undefined : await file.readFile();
      const text = bytes && textOf(bytes);
      if (text === undefined) throw new OrcoError("patch_refused", `${path} is no text file that a repair may change`, { path });
      return { text, mode: mode & 0o777 };
    } finally {
      await file.close();
    }
  }

  private async existing(path: string): Promise<FileHandle | undefined> {
    try {
      return await openPlain(this.copy.root, path, constants.O_RDONLY);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error instanceof OrcoError ? new OrcoError("patch_refused", error.message, { path }, { cause: error }) : error;
    }
  }

  private async remove(path: string): Promise<void> {
    const folder = await openFolder(this.copy.root, posix.dirname(path));
    try {
      await rm(below(folder.fd, posix.basename(path)), { force: true });
    } finally {
      await folder.close();
    }
  }

  /** One after another: none of them may be a link. */
  private async makeFolders(path: string): Promise<void> {
    const parts = path.split("/").slice(0, -1);
    for (let count = 1; count <= parts.length; count++) {
      const parent = await openFolder(this.copy.root, parts.slice(0, count - 1).join("/"));
      try {
        await mkdir(below(parent.fd, parts[count - 1] ?? ""), { mode: 0o755 }).catch(unlessThere);
      } finally {
        await parent.close();
      }
    }
  }
}

function unlessThere(error: unknown): void {
  if (errnoOf(error) !== "EEXIST") throw error;
}
