import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errnoOf } from "./errors.ts";
import { readTextFile } from "./read-text.ts";

const dir = mkdtempSync(join(tmpdir(), "orco-read-"));
afterAll(() => rmSync(dir, { recursive: true }));

test("a file is read whole, one without a size too", () => {
  const text = "ä".repeat(100_000);
  writeFileSync(join(dir, "a"), text);
  expect(readTextFile(join(dir, "a"), 200_000)).toBe(text);
  expect(readTextFile("/proc/self/status", 100_000)).toStartWith("Name:");
});

test("what would never end is refused at once", () => {
  Bun.spawnSync(["mkfifo", join(dir, "pipe")]);
  expect(() => readTextFile(join(dir, "pipe"), 100)).toThrow("it is no regular file");
  expect(() => readTextFile("/dev/zero", 100)).toThrow("it is no regular file");
  expect(() => readTextFile(join(dir, "a"), 199_999)).toThrow("it is larger than 199999 bytes");
});

test("each refusal has its errno", () => {
  const errno = (path: string): string | undefined => {
    try {
      return void readTextFile(path, 100);
    } catch (error) {
      return errnoOf(error);
    }
  };
  expect([errno(join(dir, "none")), errno(dir), errno("/dev/null")]).toEqual(["ENOENT", "EISDIR", "ENOTSUP"]);
});
