import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Origin } from "./origin.suite.ts";

let origin: Origin;
const { signal } = new AbortController();

beforeEach(() => {
  origin = new Origin();
});

afterEach(() => origin.remove());

async function checkout(commit: string, dir = origin.slot()): Promise<string> {
  mkdirSync(dirname(dir), { recursive: true });
  await (await origin.fetched()).checkout(commit, dir, signal);
  return dir;
}

/** A commit of a tree that no git would make: entries are written as they stand. */
function commitRaw(entries: readonly (readonly [mode: string, name: string, object: string])[]): string {
  const bytes = entries.flatMap(([mode, name, object]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(object, "hex")]);
  writeFileSync(join(origin.path, ".git/raw"), Buffer.concat(bytes));
  const tree = origin.git("hash-object", "-t", "tree", "-w", "--literally", ".git/raw");
  const commit = origin.git("commit-tree", "-m", "raw", tree);
  origin.git("update-ref", "refs/heads/raw", commit);
  return commit;
}

function blob(text: string): string {
  writeFileSync(join(origin.path, ".git/blob"), text);
  return origin.git("hash-object", "-w", ".git/blob");
}

test("writes the commit as it is: bytes, modes, links, odd names; and nothing else", async () => {
  const odd = ["-rf", "with blank", "new\nline", "ünï", "a\\b", "$(id)", "*"];
  const commit = origin.commit({
    "run.sh": { run: "#!/bin/sh\n" },
    "dir/data.bin": new Uint8Array([0, 255, 13, 10]),
    "dir/link": { link: "../run.sh" },
    dangling: { link: "not/there" },
    ...Object.fromEntries(odd.map((name) => [name, name])),
  });
  origin.commit({ later: "x" });
  const dir = await checkout(commit);
  expect(readdirSync(dir).toSorted()).toEqual(["dangling", "dir", "run.sh", ...odd].toSorted());
  expect(lstatSync(join(dir, "run.sh")).mode & 0o111).toBe(0o111);
  expect(lstatSync(join(dir, "dir/data.bin")).mode & 0o111).toBe(0);
  expect([...readFileSync(join(dir, "dir/data.bin"))]).toEqual([0, 255, 13, 10]);
  expect(readlinkSync(join(dir, "dir/link"))).toBe("../run.sh");
  for (const name of odd) expect(readFileSync(join(dir, name), "utf8")).toBe(name);
  expect(readdirSync(dirname(dir))).toEqual(["blue"]);
});

test("an empty commit is an empty folder", async () => {
  expect(readdirSync(await checkout(origin.commit()))).toEqual([]);
});

test("no filter runs: attributes change nothing, and large file pointers stay what they are", async () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
  const files = { "big.bin": pointer, "id.txt": "$Id$\n", "crlf.txt": "a\nb\n", "latin1.txt": "é\n", "evil.txt": "x\n" };
  origin.commit(files);
  const attributes =
    "*.bin filter=lfs\nid.txt ident\ncrlf.txt text eol=crlf\nlatin1.txt text working-tree-encoding=ISO-8859-1\nevil.txt filter=evil\n";
  const commit = origin.commit({ ".gitattributes": attributes });
  const dir = await checkout(commit);
  for (const name of Object.keys(files)) expect([name, readFileSync(join(dir, name), "latin1")]).toEqual([name, stored(commit, name)]);
  expect(readFileSync(join(dir, "big.bin"), "utf8")).toBe(pointer);
});

function stored(commit: string, path: string): string {
  return Bun.spawnSync(["git", "cat-file", "blob", `${commit}:${path}`], { cwd: origin.path }).stdout.toString("latin1");
}

test("submodules are unsupported, and named", async () => {
  const first = origin.commit({ a: "1" });
  origin.git("update-index", "--add", "--cacheinfo", `160000,${first},vendor/lib`);
  origin.git("commit", "--quiet", "--message", "submodule");
  const commit = origin.git("rev-parse", "HEAD");
  expect(checkout(commit)).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("submodules are not supported: vendor/lib"),
    facts: { path: "vendor/lib" },
  });
  expect(existsSync(origin.slot())).toBe(false);
});

test("a link that leads out is refused before anything is written", async () => {
  for (const [index, [path, target]] of Object.entries({
    "etc/shadow": "/etc/shadow",
    up: "../../secret",
    "dir/x": "../../blue",
  }).entries()) {
    const commit = origin.commit({ [path]: { link: target } });
    const dir = origin.slot(`slot${index}`);
    expect(checkout(commit, dir)).rejects.toMatchObject({ code: "invalid", facts: { path, target } });
    expect(readdirSync(dirname(dir))).toEqual([]);
    origin.git("rm", "--quiet", path);
  }
  const chained = origin.commit({ "a/up": { link: ".." }, out: { link: "a/up/../x" } });
  expect(checkout(chained)).rejects.toMatchObject({ code: "invalid", facts: { path: "out" } });
});

test("a link of names that are not UTF-8 cannot hide", async () => {
  const [inside, outside] = [blob("."), blob("../..")];
  const commit = commitRaw([
    ["120000", "\u00fe", inside],
    ["120000", "\u00ff", outside],
  ]);
  expect(checkout(commit)).rejects.toMatchObject({ code: "invalid" });
});

test("a link that no kernel would make is refused", async () => {
  const commit = commitRaw([["120000", "long", blob("x".repeat(5000))]]);
  expect(checkout(commit)).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining("longer than 4095") });
});

test("paths that no working tree may have are refused, whoever made them", async () => {
  const file = blob("x");
  for (const name of [".git", "..", ".", "../up", ".GIT", "git~1"]) {
    const commit = commitRaw([["100644", name, file]]);
    expect(checkout(commit)).rejects.toMatchObject({ code: "invalid", facts: { path: name } });
    expect(existsSync(origin.slot())).toBe(false);
  }
});

test("a link and a folder of one name write nothing outside", async () => {
  const inner = commitRaw([["100644", "pwned", blob("x")]]);
  const tree = origin.git("rev-parse", `${inner}^{tree}`);
  const commit = commitRaw([
    ["40000", "dir", tree],
    ["120000", "dir", blob("target")],
    ["40000", "target", tree],
  ]);
  await checkout(commit).catch((error: { code: string }) => expect(error.code).toMatch(/^(invalid|repo_unavailable)$/));
  expect(existsSync(join(origin.root, "slots/pwned"))).toBe(false);
});

test("what is there is not overwritten, and what a checkout that died left is cleared", async () => {
  const commit = origin.commit({ a: "1" });
  const repo = await origin.fetched();
  const dir = origin.slot();
  mkdirSync(join(dirname(dir), ".blue.partial/tree/old"), { recursive: true });
  await repo.checkout(commit, dir, signal);
  expect(readdirSync(dirname(dir))).toEqual(["blue"]);
  expect(repo.checkout(commit, dir, signal)).rejects.toMatchObject({ code: "conflict" });
  expect(readdirSync(dir)).toEqual(["a"]);
});

test("an abort leaves nothing", async () => {
  const commit = origin.commit(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`d${index}/f`, String(index)])));
  const repo = await origin.fetched();
  const abort = new AbortController();
  const dir = origin.slot();
  const writing = repo.checkout(commit, dir, abort.signal);
  abort.abort();
  expect(await writing.catch((error: { code: string }) => error.code)).toBe("cancelled");
  expect(existsSync(dir)).toBe(false);
  expect(existsSync(dirname(dir)) ? readdirSync(dirname(dir)) : []).toEqual([]);
});
