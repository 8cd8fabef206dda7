import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { event, refused, Scratch, seqs } from "./journal-fixture.ts";
import { SCHEMA, type Schema } from "./journal-schema.ts";

/** What a next version would look like. */
const NEXT: Schema = {
  version: SCHEMA.version + 1,
  create: SCHEMA.create + "\nCREATE TABLE extra (id TEXT PRIMARY KEY) STRICT;",
  migrations: { ...SCHEMA.migrations, [SCHEMA.version]: "CREATE TABLE extra (id TEXT PRIMARY KEY) STRICT;" },
};
const AFTER_NEXT: Schema = {
  version: NEXT.version + 1,
  create: `${NEXT.create}\nCREATE INDEX extra_by_id ON extra (id);`,
  migrations: { ...NEXT.migrations, [NEXT.version]: "CREATE INDEX extra_by_id ON extra (id);" },
};

const SHAPE = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name";

/** A closed journal with some pages of events. */
async function filled(scratch: Scratch): Promise<void> {
  const journal = scratch.open();
  for (let n = 0; n < 40; n++) await journal.append(Array.from({ length: 50 }, (_, i) => event(`run/${i}`, n)));
  journal.close();
}

describe("a new file", () => {
  test("is durable: WAL, synchronous FULL, STRICT tables", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    expect(journal.query("SELECT journal_mode FROM pragma_journal_mode")).toEqual([{ journal_mode: "wal" }]);
    expect(journal.query("SELECT synchronous FROM pragma_synchronous")).toEqual([{ synchronous: 2 }]);
    const loose = journal.query("SELECT name FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%' AND strict = 0");
    expect(loose).toEqual([]);
  });

  test("is for its owner alone, and so is an old one once it was opened", async () => {
    using scratch = new Scratch();
    const modes = (): number[] => ["", "-wal", "-shm"].map((suffix) => statSync(scratch.path + suffix).mode & 0o777);
    const first = scratch.open();
    expect(modes()).toEqual([0o600, 0o600, 0o600]);
    first.close();
    chmodSync(scratch.path, 0o644);
    scratch.open();
    expect(modes()).toEqual([0o600, 0o600, 0o600]);
  });

  test("an empty file, as a crash at the very start leaves it, is made into a journal", async () => {
    using scratch = new Scratch();
    writeFileSync(scratch.path, "");
    expect(await scratch.open().append([event("a")])).toMatchObject([{ seq: 1 }]);
    const db = new Database(`${scratch.folder}/half.db`);
    db.run("PRAGMA journal_mode = WAL");
    db.close();
    expect(await scratch.open({ path: `${scratch.folder}/half.db` }).append([event("a")])).toMatchObject([{ seq: 1 }]);
  });

  test("a folder that is not there, or a folder in its place, is an error that names the file", async () => {
    using scratch = new Scratch();
    const path = `${scratch.folder}/none/orco.db`;
    expect(await refused(() => scratch.open({ path }))).toMatchObject({ code: "internal", message: expect.stringContaining(path) });
    mkdirSync(scratch.path);
    expect(await refused(() => scratch.open())).toMatchObject({ code: "internal", message: expect.stringContaining(scratch.path) });
  });
});

test("a file that another program has to itself for a moment, as the one that recovers it after a crash does, is waited for", async () => {
  using scratch = new Scratch();
  await filled(scratch);
  const other = `const db = new (require("bun:sqlite").Database)(process.argv.at(-1)); db.run("PRAGMA locking_mode = EXCLUSIVE"); db.run("BEGIN IMMEDIATE");
    console.log("locked"); setTimeout(() => db.close(), 200);`;
  const child = Bun.spawn([process.execPath, "-e", other, scratch.path], { stdout: "pipe", stderr: "inherit" });
  await child.stdout.getReader().read();
  expect(scratch.open().head()).toBe(2000);
  expect(await child.exited).toBe(0);
});

describe("versions", () => {
  test("an older journal is migrated step by step to what a new one looks like, and keeps its events", async () => {
    using scratch = new Scratch();
    await filled(scratch);
    const logged: unknown[] = [];
    const journal = scratch.open({ schema: AFTER_NEXT, log: (message, facts) => logged.push(message, facts) });
    expect(logged).toEqual(["journal migrated", { file: scratch.path, from: SCHEMA.version, to: AFTER_NEXT.version }]);
    expect(journal.head()).toBe(2000);
    expect(await journal.append([event("run/0")])).toMatchObject([{ seq: 2001, topicSeq: 41 }]);
    const fresh = scratch.open({ path: `${scratch.folder}/fresh.db`, schema: AFTER_NEXT });
    expect(journal.query(SHAPE)).toEqual(fresh.query(SHAPE));
  });

  test("a migration that fails leaves the old version whole", async () => {
    using scratch = new Scratch();
    await filled(scratch);
    const broken = { ...AFTER_NEXT, migrations: { ...NEXT.migrations, [NEXT.version]: "CREATE INDEX broken ON nowhere (id);" } };
    expect((await refused(() => scratch.open({ schema: broken }))).code).toBe("internal");
    const journal = scratch.open();
    expect(journal.query("SELECT name FROM sqlite_schema WHERE name = 'extra'")).toEqual([]);
    expect(journal.head()).toBe(2000);
  });

  test("a newer journal is refused with file and versions, and left as it is", async () => {
    using scratch = new Scratch();
    scratch.open({ schema: NEXT }).close();
    const before = readFileSync(scratch.path);
    const error = await refused(() => scratch.open());
    expect(error).toMatchObject({ code: "journal_newer", facts: { file: scratch.path, version: NEXT.version, supported: SCHEMA.version } });
    expect(error.message).toContain(`journal ${scratch.path} has schema version ${NEXT.version}`);
    expect(readFileSync(scratch.path).equals(before)).toBe(true);
  });
});

describe("damage", () => {
  async function refusedUntouched(scratch: Scratch): Promise<string> {
    const before = readFileSync(scratch.path);
    const error = await refused(() => scratch.open());
    expect(error).toMatchObject({ code: "journal_corrupt", facts: { file: scratch.path } });
    expect(error.message).toContain(`move ${scratch.path}, ${scratch.path}-wal and ${scratch.path}-shm aside, put a backup in their place`);
    expect(error.message).not.toContain("\n");
    expect(readFileSync(scratch.path).equals(before)).toBe(true);
    return error.message;
  }

  test("garbage, a text file, a cut file, another program's database", async () => {
    using scratch = new Scratch();
    await filled(scratch);
    const good = readFileSync(scratch.path);
    const garbledHeader = Buffer.concat([Buffer.from("garbage!"), good.subarray(8)]);
    for (const bytes of [garbledHeader, Buffer.from("hello"), good.subarray(0, good.length - 8192), good.subarray(0, 100)]) {
      writeFileSync(scratch.path, bytes);
      await refusedUntouched(scratch);
    }
    writeFileSync(scratch.path, "");
    const other = new Database(scratch.path);
    other.run("CREATE TABLE theirs (a)");
    other.close();
    expect(await refusedUntouched(scratch)).toContain("no journal of orco");
  });

  test("flipped bytes in the structure of any page", async () => {
    using scratch = new Scratch();
    await filled(scratch);
    const good = readFileSync(scratch.path);
    for (let page = 1; page < good.length / 4096; page += 7) {
      const bad = Buffer.from(good);
      for (let i = 0; i < 12; i++) bad[page * 4096 + i] = ~(bad[page * 4096 + i] ?? 0) & 0xff;
      writeFileSync(scratch.path, bad);
      await refusedUntouched(scratch);
    }
  });

  test("a log that a crash left behind is not folded into a damaged file, nor lost", async () => {
    using scratch = new Scratch();
    await filled(scratch);
    const journal = scratch.open();
    await journal.append([event("run/0")]);
    const path = `${scratch.folder}/copy.db`;
    for (const suffix of ["", "-wal"]) copyFileSync(scratch.path + suffix, path + suffix);
    const bytes = readFileSync(path).fill(0xff, 10 * 4096, 20 * 4096);
    writeFileSync(path, bytes);
    const log = readFileSync(`${path}-wal`);
    expect(log.length).toBeGreaterThan(4096);
    expect((await refused(() => scratch.open({ path }))).code).toBe("journal_corrupt");
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(readFileSync(`${path}-wal`).equals(log)).toBe(true);
  });

  test("acknowledged events are still there when only the log has them", async () => {
    using scratch = new Scratch();
    const journal = scratch.open();
    await journal.append([event("a"), event("b")]);
    const copy = `${scratch.folder}/copy.db`;
    for (const suffix of ["", "-wal"]) copyFileSync(scratch.path + suffix, copy + suffix);
    expect(existsSync(`${copy}-shm`)).toBe(false);
    expect(seqs(scratch.open({ path: copy }).read({}))).toEqual([1, 2]);
  });
});
