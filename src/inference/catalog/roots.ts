import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync } from "node:fs";
import { isAbsolute, resolve, sep } from "node:path";
import { errnoOf, fileTrouble } from "../../kernel/errors.ts";
import { failure } from "../failure.ts";

/** What tells one state of a file from another. `mtime_ns` is a decimal number. */
export interface FileFacts {
  readonly path: string;
  readonly size: number;
  readonly mtime_ns: string;
  readonly ino: string;
}

export interface OpenFile {
  readonly fd: number;
  readonly facts: FileFacts;
}

/** The folders below which models may lie. The first one is where relative references begin and fetched files go. */
export class ModelRoots {
  readonly first: string;

  constructor(
    private readonly folders: readonly string[],
    private readonly known?: readonly string[],
  ) {
    const [first] = folders;
    if (first === undefined || !folders.every(isAbsolute)) throw new Error("models need at least one absolute folder");
    this.first = first;
  }

  /** These as they are now, for many looks in one turn: to find out where each folder really is costs more than to look at a file. */
  still(): ModelRoots {
    return new ModelRoots(this.folders, this.names());
  }

  /** As far as the name tells; the file itself is looked at when it is opened. */
  covers(path: string): boolean {
    return this.names().some((root) => isBelow(root, resolve(path)));
  }

  /**
   * Opens first and asks afterwards what was opened: whatever links are swapped meanwhile, what is read is what was checked.
   * Undefined: no such file. Throws INVALID_PARAMS for what lies outside the folders, is no file, or may not be read. The caller closes `fd`.
   */
  open(path: string): OpenFile | undefined {
    let fd: number;
    try {
      // Without O_NONBLOCK a named pipe would hold the daemon.
      fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      const code = errnoOf(error);
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw failure("INVALID_PARAMS", `${path} cannot be read: ${fileTrouble(error)}`);
    }
    try {
      return { fd, facts: this.factsOf(fd, path) };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** The same without keeping it open. */
  look(path: string): FileFacts | undefined {
    const open = this.open(path);
    if (open) closeSync(open.fd);
    return open?.facts;
  }

  /** Throws INVALID_PARAMS where a folder that is there is, behind its links, none of these or below them: nothing is written there. */
  assertInside(folder: string): void {
    const real = realpathSync(folder);
    if (!this.names().some((root) => root === real || isBelow(root, real))) throw this.leadsOut(folder);
  }

  private leadsOut(path: string): Error {
    return failure(
      "INVALID_PARAMS",
      `${path} leads out of the folders that models may lie in (${this.folders.join(", ")}): move the file there, or name its folder in ORCHD_MODEL_ROOTS`,
    );
  }

  private factsOf(fd: number, path: string): FileFacts {
    const real = readlinkSync(`/proc/self/fd/${fd}`);
    if (!this.names().some((root) => isBelow(root, real))) throw this.leadsOut(path);
    if (!fstatSync(fd).isFile()) throw failure("INVALID_PARAMS", `${path} is no file`);
    return { path: real, ...statOf(fd) };
  }

  /** The folders as configured and as they really are: one may be a link itself, or be made later. */
  private names(): readonly string[] {
    if (this.known) return this.known;
    return this.folders.flatMap((folder) => {
      try {
        return [folder, realpathSync(folder)];
      } catch {
        return [folder];
      }
    });
  }
}

export function statOf(fd: number): Omit<FileFacts, "path"> {
  const { size, mtimeNs, ino } = fstatSync(fd, { bigint: true });
  return { size: Number(size), mtime_ns: String(mtimeNs), ino: String(ino) };
}

export function isSameFile(a: Omit<FileFacts, "path"> | undefined, b: Omit<FileFacts, "path"> | undefined): boolean {
  return a !== undefined && b !== undefined && a.size === b.size && a.mtime_ns === b.mtime_ns && a.ino === b.ino;
}

function isBelow(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}
