import { statSync } from "node:fs";
import { errnoOf, OrcoError } from "./errors.ts";

type Identity = { readonly dev: number; readonly ino: number };

/** The file that was opened. Deleted or replaced, SQLite would go on writing to it, and all of that is lost with the process. */
export class JournalFile {
  private readonly opened: Identity | undefined;

  constructor(private readonly path: string) {
    this.opened = identityOf(path);
  }

  /** `unavailable`. */
  assertThere(): void {
    const missing = this.missing();
    if (missing) throw missing;
  }

  missing(): OrcoError | undefined {
    const { path, opened } = this;
    const found = identityOf(path);
    if (found && found.ino === opened?.ino && found.dev === opened.dev) return undefined;
    const what = found ? "was replaced by another file" : "was deleted";
    const message = `journal ${path} ${what} while orco ran: nothing is recorded any more; services go on. Put it back, or restart orco`;
    return new OrcoError("unavailable", message, { file: path });
  }
}

/** Undefined when it is not there. What cannot be looked at for another reason is for SQLite to fail on. */
function identityOf(path: string): Identity | undefined {
  try {
    const { dev, ino } = statSync(path);
    return { dev, ino };
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
