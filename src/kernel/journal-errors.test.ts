import { expect, test } from "bun:test";
import { OrcoError } from "./errors.ts";
import { concernsAll, journalError } from "./journal-errors.ts";

test.each([
  ["SQLITE_FULL", "disk_full", true],
  ["SQLITE_IOERR_WRITE", "disk_full", true],
  ["SQLITE_IOERR_FSYNC", "disk_full", true],
  ["SQLITE_IOERR_SHMSIZE", "disk_full", true],
  ["SQLITE_IOERR_READ", "internal", true],
  ["SQLITE_NOMEM", "internal", true],
  ["SQLITE_CORRUPT_INDEX", "journal_corrupt", true],
  ["SQLITE_NOTADB", "journal_corrupt", true],
  ["SQLITE_CONSTRAINT_UNIQUE", "internal", false],
  ["SQLITE_BUSY", "internal", false],
])("%s is %s", (code, expected, all) => {
  const error = Object.assign(new Error("what SQLite says"), { code });
  const found = journalError(error, "/srv/orco/orco.db");
  expect([found.code, found.facts["file"]]).toEqual([expected, "/srv/orco/orco.db"]);
  expect(found.message).toContain("what SQLite says");
  expect(found.message).toContain("/srv/orco/orco.db");
  expect(concernsAll(error)).toBe(all);
});

test("an expected failure stays what it is", () => {
  const busy = new OrcoError("busy", "wait");
  expect(journalError(busy, "x")).toBe(busy);
});
