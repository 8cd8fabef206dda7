import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processorTime } from "../../test/processor-time.ts";
import { environmentFor, readStackFile, stackNameOf } from "./stack-file.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "orco-file-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("stack.name", () => {
  const rows: [string, string][] = [
    ["stack:\n  name: demo\n", "demo"],
    ["stack: { name: demo }\n", "demo"],
    ["version: 0.1\nstack:\n  workdir: ./\n\n  name: 'demo' # it\n", "demo"],
    ["stack:\n  name: ${WHO:-demo}\n", "demo"],
    ["stack:\n  name: a-${TAG}\n", "a-t1"],
    ["stack:\n  name: a-$TAG\n", "a-t1"],
    ["services: [\nstack:\n  name: demo\n  x: {\n", "demo"],
  ];
  test.each(rows)("%j", (source, name) => expect(stackNameOf({ path: "/s.yaml", source }, { TAG: "t1" })).toBe(name));

  test("a file without one says so", () => {
    expect(() => stackNameOf({ path: "/s.yaml", source: "services: {}" }, {})).toThrow("/s.yaml has no stack.name");
  });
});

test("only variables that the file or what it includes names are sent", () => {
  writeFileSync(join(folder, "more.yaml"), "includes: [stack.yaml]\nservices: {x: {env: {A: '${DEEP}'}}}");
  writeFileSync(
    join(folder, "stack.yaml"),
    "includes:\n  - more.yaml\n  - absent.yaml\nservices: {y: {command: 'run $TOP ${NEST:-${INNER}}'}}",
  );
  const file = readStackFile(folder, undefined);
  const env = { TOP: "1", NEST: "2", INNER: "3", DEEP: "4", SECRET: "no", PATH: "/bin", __proto__: "x" };
  expect(environmentFor(file, env)).toEqual({ TOP: "1", NEST: "2", INNER: "3", DEEP: "4", PATH: "/bin" });
});

test("a folder, an absent and an unreadable file are told apart", () => {
  mkdirSync(join(folder, "dir"));
  expect(() => readStackFile(folder, "dir")).toThrow("is a folder");
  expect(() => readStackFile(folder, "none.yaml")).toThrow("does not exist");
  expect(() => readStackFile(join(folder, "dir"), undefined)).toThrow("no stack.yaml in");
});

test("a file beyond the limit is refused before it is read", () => {
  const path = join(folder, "big.yaml");
  writeFileSync(path, Buffer.alloc(4 * 1024 * 1024 + 1));
  expect(() => readStackFile(folder, path)).toThrow("at most 4194304");
});

test("a file that is no YAML costs no time, whatever it looks like", () => {
  const spent = processorTime();
  for (const line of [" \n", "  a a\n", "stack:\n"])
    expect(() => stackNameOf({ path: "/x", source: `stack:\n${line.repeat(50_000)}x: [\n` }, {})).toThrow("has no stack.name");
  expect(spent()).toBeLessThan(3000);
});
