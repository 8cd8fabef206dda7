import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { ChaosRig } from "./rig.ts";

const STACK = `services: { a: { command: "exec sleep 100000" } }`;
const PAGE_BYTES = 4096;

/** A home whose daemon has been killed with a stack up, and a copy of its journal from before. */
async function damaged(rig: ChaosRig): Promise<{ db: string; backup: string }> {
  const db = join(rig.home, "orco.db");
  const backup = join(rig.dir, "backup.db");
  const stack = rig.stack(STACK, "s");
  await rig.begin();
  await stack.up();
  await rig.killDaemon("SIGTERM");
  copyFileSync(db, backup);
  return { db, backup };
}

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const fd = openSync(path, "r+");
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

function alter(path: string, sql: string): void {
  const db = new Database(path);
  db.run(sql);
  db.close();
}

const NOISE = Uint8Array.from({ length: 2000 }, (_, n) => (n * 31 + 7) % 256);

const DAMAGES: readonly (readonly [what: string, code: "damaged" | "newer", damage: (db: string) => void])[] = [
  ["a header of other bytes", "damaged", (db) => overwrite(db, 0, NOISE.subarray(0, 16))],
  ["flipped bytes in a page", "damaged", (db) => overwrite(db, 2 * PAGE_BYTES + 8, NOISE)],
  ["half of it gone", "damaged", (db) => truncateSync(db, Math.floor(statSync(db).size / PAGE_BYTES / 2) * PAGE_BYTES)],
  ["ten bytes left", "damaged", (db) => truncateSync(db, 10)],
  ["another program's database", "damaged", (db) => (rmSync(db), alter(db, "CREATE TABLE mine (x)"))],
  ["the schema of a newer orco", "newer", (db) => alter(db, "PRAGMA user_version = 99")],
];

describe("a journal that cannot be used", () => {
  test.each(DAMAGES)("%s: the daemon refuses, names the file and what to do, and leaves it untouched", async (_what, code, damage) => {
    await using rig = new ChaosRig();
    const { db, backup } = await damaged(rig);
    damage(db);
    const before = readFileSync(db);

    const said = await rig.orco(["serve"]);
    expect([said.code, said.out]).toEqual([1, ""]);
    expect(said.err).toContain(db);
    expect(said.err).toContain(code === "newer" ? "has schema version 99, this orco knows versions up to" : "To restore: stop orco, move");
    expect(said.err).not.toMatch(/^\s+at |internal error/m);
    const up = await rig.orco(["up", "-d"], { cwd: join(rig.dir, "s") });
    expect([up.code, up.err]).toEqual([1, expect.stringContaining(db)]);
    expect(readFileSync(db).equals(before)).toBe(true);
    expect(rig.trees().get("a/0")?.size).toBe(1);

    renameSync(db, `${db}.aside`);
    copyFileSync(backup, db);
    await rig.begin();
    expect((await rig.client.stack("s")).services).toMatchObject([{ service: "a", state: "Running", restarts: 0 }]);
  });
});

describe("leftovers in the home", () => {
  const LOCKS = ["", "12", "999999999 1\n", "not a lock", `${process.pid} 1\n`] as const;

  test.each(LOCKS)("a lock file that says %j is nobody's lock", async (text) => {
    await using rig = new ChaosRig();
    mkdirSync(rig.home);
    writeFileSync(join(rig.home, "lock"), text);
    expect(await rig.begin()).toBe(rig.daemonPid() as number);
  });

  test("a second daemon is refused by name of the first; a socket that nobody serves is replaced", async () => {
    await using rig = new ChaosRig();
    const first = await rig.begin();
    const second = await rig.orco(["serve"]);
    expect([second.code, second.out, second.err]).toEqual([
      1,
      "",
      expect.stringContaining(`the daemon with pid ${first} already serves this home`),
    ]);
    await rig.kill();
    expect(statSync(join(rig.home, "orco.sock")).isSocket()).toBe(true);
    await rig.begin();
    await rig.kill();
    rmSync(join(rig.home, "orco.sock"));
    writeFileSync(join(rig.home, "orco.sock"), "no socket at all");
    await rig.begin();
  });

  const HOMES: readonly (readonly [what: string, where: (home: string) => string])[] = [
    ["a file", (home) => (writeFileSync(home, ""), home)],
    ["below a file", (home) => (writeFileSync(home, ""), join(home, "lower"))],
    ["where nothing can be made", () => "/proc/orco"],
  ];

  test.each(HOMES)("a home that is %s: the reason and what to do, exit 2", async (_what, where) => {
    await using rig = new ChaosRig();
    const home = where(rig.home);
    for (const args of [["serve"], ["up", "-d"]]) {
      const said = await rig.orco(args, { cwd: rig.stack(STACK).dir, env: { ORCO_HOME: home } });
      const reason = `orco: no state can be kept in ${home}: E`;
      expect([args[0], said.code, said.err]).toEqual([args[0], 2, expect.stringContaining(reason)]);
    }
  });
});
