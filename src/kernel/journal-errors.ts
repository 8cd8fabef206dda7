import { errnoOf, messageOf, OrcoError } from "./errors.ts";

/** SQLite could not read: the disk is broken, not full. */
const READ_FAILURES = new Set(["SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS"]);

/** What SQLite threw while it wrote or read, as an expected failure: `disk_full`, `journal_corrupt` or `internal`. */
export function journalError(error: unknown, path: string): OrcoError {
  if (error instanceof OrcoError) return error;
  const code = errnoOf(error) ?? "";
  const message = messageOf(error);
  if (isWriteFailure(code)) {
    return new OrcoError(
      "disk_full",
      `the journal cannot be written (${message}): make space for ${path}`,
      { file: path, sqlite: code },
      { cause: error },
    );
  }
  if (isDamage(code)) return corrupt(path, message);
  return new OrcoError("internal", `journal ${path}: ${message}`, { file: path, ...(code && { sqlite: code }) }, { cause: error });
}

/** The damage is one of the file or the machine, so it concerns every append of a transaction, not the statement that met it. */
export function concernsAll(error: unknown): boolean {
  const code = errnoOf(error) ?? "";
  return isWriteFailure(code) || isDamage(code) || code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_NOMEM");
}

export function corrupt(path: string, what: string): OrcoError {
  const restore = `stop orco, move ${path}, ${path}-wal and ${path}-shm aside, put a backup in their place (without one orco starts with an empty journal), and start again`;
  return new OrcoError("journal_corrupt", `journal ${path} is damaged (${what}); it was left as it is. To restore: ${restore}`, {
    file: path,
    damage: what,
  });
}

function isWriteFailure(code: string): boolean {
  return code === "SQLITE_FULL" || code === "ENOSPC" || code === "EDQUOT" || (code.startsWith("SQLITE_IOERR") && !READ_FAILURES.has(code));
}

function isDamage(code: string): boolean {
  return code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT");
}
