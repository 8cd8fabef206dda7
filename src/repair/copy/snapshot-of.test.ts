import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Json } from "../../kernel/event.ts";
import type { ServiceConfig } from "../project.ts";
import { baseImages, distributionOfRelease } from "./distributions.ts";
import { listPaths } from "./list-paths.ts";
import { buildPlaces, snapshotOf } from "./snapshot-of.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orco-snapshot-"));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  chmodSync(join(root, path), mode);
}

function config(more: Partial<ServiceConfig> & { dockerfile?: string } = {}): ServiceConfig {
  const { dockerfile = "Dockerfile", ...rest } = more;
  const build = { context: "/shop/api", dockerfile, target: "final", args: { A: "1" } };
  return { build, init: false, bindTargets: [], environment: {}, raw: {}, ...rest };
}

const picture = { service: "api", workspace: "/shop", distributions: new Map() };

test("text of what the catalogue reads, whatever an entrypoint is called; paths and modes of everything", async () => {
  put("api/Dockerfile", 'FROM x\nCOPY begin /begin\nENTRYPOINT ["/begin"]');
  put("api/begin", "#!/bin/sh\r\n", 0o755);
  put("api/start-me", "exec app");
  put("api/requirements/dev.txt", "x");
  put("api/src/main.py", "print()");
  put("api/tool", "no script, but it is executed", 0o755);
  put("api/program", Buffer.from([0x7f, 0x45, 0, 0]), 0o755);
  put("api/package.json", "x".repeat(300_000));
  put("api/node_modules/x/package.json", "{}");
  put("web/package.json", "{}");
  symlinkSync("/etc/passwd", join(root, "api/Gemfile"));
  const snapshot = await snapshotOf({ root }, { ...picture, config: config({ command: ["sh", "./start-me"] }) });
  expect([...snapshot.files.keys()]).toEqual(["api/Dockerfile", "api/begin", "api/requirements/dev.txt", "api/start-me", "api/tool"]);
  expect(snapshot.paths).toContain("api/node_modules/x/package.json");
  expect(snapshot.paths).toEqual(snapshot.paths.toSorted());
  expect(snapshot.paths).not.toContain("web/package.json");
  expect(snapshot.modes.get("api/begin")).toBe(0o755);
  expect(snapshot).toMatchObject({ directory: "api", target: "final", buildArgs: { A: "1" }, dockerfile: { path: "api/Dockerfile" } });
});

test("a Dockerfile beside the context is there too; one that is missing is not", async () => {
  put("api/a", "x");
  put("docker/Dockerfile", "FROM x");
  const beside = await snapshotOf({ root }, { ...picture, config: config({ dockerfile: "../docker/Dockerfile" }) });
  expect(beside.paths).toEqual(["api/a", "docker/Dockerfile"]);
  expect(beside.files.get("docker/Dockerfile")).toBe("FROM x");
  const missing = await snapshotOf({ root }, { ...picture, config: config() });
  expect(missing.dockerfile).toBeUndefined();
});

test("the bound on paths leaves other people's out first", async () => {
  for (const path of ["api/node_modules/a", "api/node_modules/b/c", "api/src/own", "api/z"]) put(path, "");
  expect((await listPaths(root, "api", 3)).map(({ path }) => path)).toEqual(["api/node_modules/a", "api/src/own", "api/z"]);
  expect((await listPaths(root, "api", 1)).map(({ path }) => path)).toEqual(["api/src/own"]);
});

test("a service that is not built has nothing to look at", async () => {
  const { build: _, ...none } = config();
  expect(buildPlaces("/shop", none)).toBeUndefined();
  expect(await snapshotOf({ root }, { ...picture, config: none })).toMatchObject({ directory: "", paths: [] });
});

test("further contexts are those that are folders of the workspace", () => {
  const named = (additional_contexts: Json): readonly string[] =>
    buildPlaces("/shop", config({ raw: { build: { additional_contexts } } }))?.also ?? [];
  expect(named({ lib: "/shop/lib", image: "docker-image://x", far: "/else", git: "https://x" })).toEqual(["lib"]);
  expect(named(["lib=/shop/lib", "x=docker-image://x"])).toEqual(["lib"]);
});

test("base images: neither stages nor scratch, arguments filled in", () => {
  const text = "ARG TAG=1\nFROM python:$TAG AS build\nFROM node:20\nFROM build\nFROM scratch";
  expect(baseImages(text, { TAG: "3.11" })).toEqual(["python:3.11", "node:20"]);
  expect(baseImages("", {})).toEqual([]);
});

test.each([
  ['ID=debian\nVERSION_ID="12"', "debian"],
  ["NAME=x\nID=linuxmint\nID_LIKE='ubuntu debian'", "debian"],
  ["ID=alpine", "alpine"],
  ["ID=fedora", "unknown"],
  ["", "unknown"],
] as const)("os-release %j is %s", (text, distribution) => {
  expect(distributionOfRelease(text)).toBe(distribution);
});
