import { afterEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { until } from "../../../test/until.ts";
import { Bells } from "./bells.ts";
import { Tree } from "./tree.ts";

const open: { close(): void }[] = [];
const dirs: string[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

class Place {
  readonly dir = mkdtempSync(join(tmpdir(), "orco-tree-"));
  readonly root: string;
  readonly tree: Tree;
  hints = 0;

  constructor({ ignore = [], root = ".", before }: { ignore?: string[]; root?: string; before?: (place: Place) => void } = {}) {
    dirs.push(this.dir);
    this.root = join(this.dir, root);
    before?.(this);
    const bells = new Bells((why) => expect(why).toBeUndefined());
    this.tree = new Tree(this.root, ignore, { bells, onHint: () => (this.hints += 1) });
    this.tree.look();
    open.push(this.tree, bells);
  }

  write(name: string, text = String(Math.random())): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Files found changed as bells ring, until all of `names` are among them. */
  async sees(...names: string[]): Promise<string[]> {
    const found = new Set<string>();
    await until(`${names.join(", ")} to be seen`, () => {
      for (const path of this.tree.look()) found.add(relative(this.dir, path));
      return names.every((name) => found.has(name));
    });
    return [...found].sort();
  }

  look(): string[] {
    return this.tree.look(true).map((path) => relative(this.dir, path));
  }
}

test("files that come, change, move and go, once each", async () => {
  const place = new Place({ before: (one) => one.write("a") });
  place.write("b");
  expect(await place.sees("b")).toEqual(["b"]);
  appendFileSync(place.path("a"), "more");
  expect(await place.sees("a")).toEqual(["a"]);
  renameSync(place.path("a"), place.path("c"));
  expect(await place.sees("a", "c")).toEqual(["a", "c"]);
  place.write(".c.tmp");
  renameSync(place.path(".c.tmp"), place.path("c"));
  expect(await place.sees("c")).toContain("c");
  chmodSync(place.path("c"), 0o755);
  expect(await place.sees("c")).toEqual(["c"]);
  rmSync(place.path("b"));
  expect(await place.sees("b")).toEqual(["b"]);
  expect(place.look()).toEqual([]);
});

test("new folders, however deep, folders moved in, away and replaced", async () => {
  const place = new Place({ before: (one) => one.write("old/f") });
  place.write("x/y/z/f");
  await place.sees("x/y/z/f");
  place.write("x/y/z/g");
  expect(await place.sees("x/y/z/g")).toEqual(["x/y/z/g"]);
  renameSync(place.path("x"), place.path("moved"));
  await place.sees("x/y/z/f", "moved/y/z/f");
  place.write("moved/y/z/h");
  expect(await place.sees("moved/y/z/h")).toEqual(["moved/y/z/h"]);
  renameSync(place.path("old"), place.path("older"));
  place.write("old/f");
  await place.sees("old/f", "older/f");
  place.write("old/g");
  place.write("older/g");
  await place.sees("old/g", "older/g");
});

test("a root that is removed and made again, that comes later, that is a file", async () => {
  const place = new Place({ root: "src", before: (one) => one.write("src/a") });
  rmSync(place.root, { recursive: true });
  await place.sees("src/a");
  place.write("src/b");
  await place.sees("src/b");
  place.write("src/c");
  expect(await place.sees("src/c")).toEqual(["src/c"]);
  const file = new Place({ root: "conf.json" });
  file.write("conf.json");
  await file.sees("conf.json");
  file.write("beside");
  file.write("new.json");
  renameSync(file.path("new.json"), file.path("conf.json"));
  expect(await file.sees("conf.json")).toEqual(["conf.json"]);
});

test("symbolic links are not followed, neither out of the tree nor in circles", async () => {
  const outside = new Place();
  const place = new Place();
  symlinkSync(outside.dir, place.path("out"));
  symlinkSync(place.dir, place.path("circle"));
  expect(await place.sees("out", "circle")).toEqual(["circle", "out"]);
  outside.write("f");
  expect(place.look()).toEqual([]);
});

test("what Git ignores, its own folder, what editors drop, and what the service ignores", async () => {
  const place = new Place({
    root: "repo/app",
    ignore: ["*.log", "!keep.log", "/gen/"],
    before: (one) => {
      one.write("repo/.gitignore", "node_modules/\n*.o\n");
      one.write("repo/app/.gitignore", "!wanted.o\n/dist\n");
      one.write("repo/app/sub/.gitignore", "secret\n");
      mkdirSync(one.path("repo/.git/info"), { recursive: true });
      one.write("repo/.git/info/exclude", "mine\n");
    },
  });
  const not = [
    "node_modules/m/i.js",
    "a.o",
    "dist/x",
    "sub/secret",
    "mine",
    "lib/.git/index",
    "x.log",
    "gen/y",
    ".a.swp",
    "a~",
    "4913",
    ".#a",
    "#a#",
  ];
  for (const name of not) place.write(`repo/app/${name}`);
  const counted = ["wanted.o", "sub/dist/x", "secret", "keep.log", "sub/gen/y", "last"];
  for (const name of counted) place.write(`repo/app/${name}`);
  expect(await place.sees(...counted.map((name) => `repo/app/${name}`))).toEqual(counted.map((name) => `repo/app/${name}`).sort());
  place.write("repo/app/.gitignore", "tmp\n");
  place.write("repo/app/tmp");
  await place.sees("repo/app/.gitignore", "repo/app/dist/x");
  place.write("repo/app/tmp");
  expect(place.look()).toEqual([]);
});

test("an ignored folder that is watched by name counts", async () => {
  const place = new Place({
    root: "dist",
    before: (one) => {
      one.write(".gitignore", "dist\n");
      mkdirSync(one.path(".git"));
      one.write("dist/a");
    },
  });
  place.write("dist/b");
  expect(await place.sees("dist/b")).toEqual(["dist/b"]);
});

test("a folder that is removed and made again at once is heard, though it may get the inode of the one before", async () => {
  const place = new Place({ before: (one) => one.write("d/a") });
  let reused = 0;
  for (let n = 0; n < 20; n++) {
    const { ino } = statSync(place.path("d"));
    rmSync(place.path("d"), { recursive: true });
    mkdirSync(place.path("d"));
    if (statSync(place.path("d")).ino === ino) reused++;
    place.write(`d/first-${n}`);
    await place.sees(`d/first-${n}`);
    place.write(`d/second-${n}`);
    await place.sees(`d/second-${n}`);
  }
  console.log(`${reused} of 20 folders got the inode of the one before`);
});

test("a checkout of 5,000 files is seen in whole", async () => {
  const place = new Place();
  const git = (...args: string[]): unknown => execFileSync("git", ["-C", place.dir, "-c", "user.name=t", "-c", "user.email=t@t", ...args]);
  git("init", "-q");
  for (let n = 0; n < 5000; n++) place.write(`d${n % 50}/f${n}`, "one");
  git("add", ".");
  git("commit", "-qm", "one");
  for (let n = 0; n < 5000; n++) place.write(`d${n % 50}/f${n}`, "two, and longer");
  git("commit", "-qam", "two");
  place.look();
  const seen = new Set<string>();
  git("checkout", "-q", "HEAD^");
  await until(
    "all of them",
    () => {
      // So many bells may be more than the kernel keeps: then all is looked at.
      for (const path of place.tree.look(place.hints > 8000)) seen.add(path);
      return seen.size >= 5000;
    },
    15_000,
  );
  expect(seen.size).toBe(5000);
}, 60_000);
