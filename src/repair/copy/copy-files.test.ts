import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CopyFiles } from "./copy-files.ts";

let folder: string;
let root: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orco-files-"));
  root = join(folder, "copy");
  mkdirSync(join(root, "api"), { recursive: true });
  writeFileSync(join(folder, "outside"), "own");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("what has changed, with what it was; what is as it was again is no change", async () => {
  writeFileSync(join(root, "api/a"), "one");
  chmodSync(join(root, "api/a"), 0o755);
  writeFileSync(join(root, "api/gone"), "x");
  const files = new CopyFiles({ root });
  await files.write("api/a", "two");
  await files.write("api/a", "three");
  await files.write("api/new/deep/b", "b");
  await files.write("api/gone", null);
  await files.write("api/same", "x");
  await files.write("api/same", null);
  expect(await files.changes()).toEqual([
    { path: "api/a", before: "one", after: "three", mode: 0o755 },
    { path: "api/gone", before: "x", after: null, mode: 0o644 },
    { path: "api/new/deep/b", before: null, after: "b", mode: 0o644 },
  ]);
  expect(statSync(join(root, "api/a")).mode & 0o777).toBe(0o755);
});

test("texts are brought back, byte order mark and line ends included", async () => {
  const text = "\ufeffa\r\nb";
  writeFileSync(join(root, "api/a"), text);
  const files = new CopyFiles({ root });
  const kept = await files.keep(["api/a", "api/b"]);
  await files.write("api/a", "x");
  await files.write("api/b", "x");
  await files.restore(kept);
  expect(readFileSync(join(root, "api/a"), "utf8")).toBe(text);
  expect(existsSync(join(root, "api/b"))).toBe(false);
  expect(await files.changes()).toEqual([]);
});

test.each(["../outside", "/etc/hostname", "link", "linked/outside", "api/../../outside", "api", "api/binary", "a\0b"])(
  "%j is neither read nor written",
  async (path) => {
    symlinkSync("../outside", join(root, "link"));
    symlinkSync("..", join(root, "linked"));
    writeFileSync(join(root, "api/binary"), Buffer.from([0, 255]));
    const files = new CopyFiles({ root });
    expect(files.read(path)).rejects.toMatchObject({ code: "patch_refused" });
    expect(files.write(path, "x")).rejects.toMatchObject({ code: "patch_refused" });
    await files.write(path, "x").catch(() => undefined);
    expect(readFileSync(join(folder, "outside"), "utf8")).toBe("own");
  },
);
