import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fixture } from "../../../test/repair-fixture.ts";
import { changed, diagnosed, NODE, PYTHON, told, toolOf } from "./dependency-case.fake.ts";
import { DEPENDENCY_ENTRIES } from "./dependency-entries.ts";
import { isNewer, nearestVersion } from "./python-versions.ts";

const NAMES = readdirSync(join(import.meta.dir, "../../../test/fixtures/repair"))
  .filter((name) => /^(?:1|2|3|13|14|15|17|18)-.*\.meta\.json$/.test(name))
  .map((name) => name.replace(".meta.json", ""));
const PACKAGE = '{\n  "name": "api"\n}\n';

describe("recorded logs", () => {
  test.each(NAMES)("%s", (name) => {
    const { meta, evidence, snapshot } = fixture(name);
    const found = DEPENDENCY_ENTRIES.flatMap((entry) => entry.match(evidence, snapshot) ?? []);
    expect(found.map(({ finding }) => finding.signature)).toEqual(meta.expect.signature === null ? [] : [meta.expect.signature]);
    for (const { finding, remedy } of found) {
      expect(finding.verdict).toBe(meta.expect.verdict ?? "fix");
      expect(remedy !== undefined).toBe(finding.verdict === "fix" || finding.verdict === "approve");
      const edits = remedy?.kind === "tool" ? remedy.run.edits : (remedy?.edits ?? []);
      for (const [path, parts] of Object.entries(meta.expect.edits ?? {}))
        for (const part of parts) expect(edits.find((edit) => edit.path === path)?.text).toContain(part);
    }
  });
});

describe("a service below the workspace", () => {
  const directory = "services/api";

  test("keeps its files where they are", () => {
    const python = {
      log: "ModuleNotFoundError: No module named 'yaml'",
      directory,
      files: { Dockerfile: PYTHON, "requirements.txt": "flask\n" },
    };
    expect(changed(python)).toEqual({ "services/api/requirements.txt": "flask\nPyYAML\n" });
    const own = { ...python, log: "ModuleNotFoundError: No module named 'redis'", files: { ...python.files, "redis.py": "" } };
    expect(told(own)).toEqual(["report python-module-missing:redis"]);
    const node = {
      log: "Error: Cannot find module 'express'",
      directory,
      files: { Dockerfile: NODE, "package.json": PACKAGE, "package-lock.json": "{}" },
    };
    expect(toolOf(node)).toMatchObject({
      cwd: directory,
      writes: ["services/api/package-lock.json"],
      edits: [{ path: "services/api/package.json" }],
    });
    const bare = { ...python, files: { Dockerfile: PYTHON.replace(/^(?:COPY req|RUN).*\n/gm, "") } };
    expect(Object.keys(changed(bare))).toEqual(["services/api/Dockerfile"]);
  });
});

describe("2: a version that is not there", () => {
  const log = (asked: string, list: string): string =>
    `ERROR: Could not find a version that satisfies the requirement ${asked} (from versions: ${list})\nERROR: No matching distribution found for ${asked}`;
  const files = (requirements: string) => ({ Dockerfile: PYTHON, "requirements.txt": requirements });

  test("gives way to the nearest that is", () => {
    expect(changed({ log: log("flask==3.0.99", "2.3.3, 3.0.0, 3.0.3, 3.1.0"), files: files("Flask == 3.0.99 # web\r\n") })).toEqual({
      "requirements.txt": "Flask == 3.0.3 # web\r\n",
    });
    expect(changed({ log: log("flask~=9.0", "2.3.3, 3.1.0"), files: files("flask ~= 9.0\n") })).toEqual({
      "requirements.txt": "flask ~= 3.1.0\n",
    });
    const inline = PYTHON.replace("-r requirements.txt", '"flask==3.0.99" gunicorn');
    expect(changed({ log: log("flask==3.0.99", "3.0.3"), files: { Dockerfile: inline } })).toEqual({
      Dockerfile: inline.replace("3.0.99", "3.0.3"),
    });
    const long = Array.from({ length: 3000 }, (_, index) => `1.${index}.0`).join(", ");
    // Evidence holds the beginning of a long line: what is nearest to a late version is not in it.
    expect(changed({ log: log("boto3==1.250.9", long), files: files("boto3==1.250.9\n") })).toEqual({
      "requirements.txt": "boto3==1.250.0\n",
    });
    expect(told({ log: log("boto3==1.2500.9", long), files: files("boto3==1.2500.9\n") })).toEqual(["report python-version-missing:boto3"]);
  });

  test("is reported where there is none, or it is not asked for here", () => {
    expect(told({ log: log("yaml", "none"), files: files("yaml\n") })).toEqual(["report python-version-missing:yaml"]);
    expect(diagnosed({ log: log("yaml", "none"), files: files("yaml\n") })[0]?.finding.remedy).toContain("PyYAML");
    expect(told({ log: log("flask==9", "3.0.3"), files: files("other\n") })).toEqual(["report python-version-missing:flask"]);
    expect(told({ log: log("flask<1,>=9", "3.0.3"), files: files("flask<1,>=9\n") })).toEqual(["report python-version-missing:flask"]);
  });

  test("nearest: as much the same as can be, no pre-release that nobody asked for", () => {
    const versions = ["1.9.0", "2.0.0", "2.1.0rc1", "2.1.0", "2.1.4", "2.2.0.dev1", "10.0"];
    expect(["2.1.9", "2.0", "3.0", "1.0", "2.2.0", "99"].map((one) => nearestVersion(one, versions))).toEqual([
      "2.1.4",
      "2.0.0",
      "2.1.4",
      "1.9.0",
      "2.1.4",
      "10.0",
    ]);
    expect(nearestVersion("2.1.0rc9", versions)).toBe("2.1.0");
    expect(nearestVersion("1", [])).toBeUndefined();
    expect([isNewer("1.10", "1.9"), isNewer("1.9", "1.10"), isNewer("1", "1.0")]).toEqual([true, false, false]);
  });
});

describe("13: locks", () => {
  const npm =
    "npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync.";
  const none = "npm ERR! The `npm ci` command can only install with an existing package-lock.json or";
  const lock = { "package.json": PACKAGE, "package-lock.json": "{}" };

  test("are brought up to date where they are", () => {
    const below = {
      Dockerfile: "FROM node:22 AS deps\nWORKDIR /srv\nCOPY web/package.json web/package-lock.json ./\nRUN npm ci\n",
      "web/package.json": PACKAGE,
      "web/package-lock.json": "{}",
    };
    expect(toolOf({ log: npm, files: below })).toMatchObject({
      image: "node:22",
      cwd: "web",
      writes: ["web/package-lock.json"],
      edits: [],
    });
    expect(told({ log: npm.replace("`npm ci`", "cipm"), files: { Dockerfile: NODE, ...lock } })).toEqual([
      "fix lock-outdated:package-lock.json",
    ]);
    expect(told({ log: npm })).toEqual(["report lock-outdated:package-lock.json"]);
  });

  test("are made, copied, or done without where there is none in the image", () => {
    expect(toolOf({ log: none, files: { Dockerfile: NODE, "package.json": PACKAGE } })?.writes).toEqual(["package-lock.json"]);
    const alone = NODE.replace("package*.json", "package.json");
    expect(changed({ log: none, files: { Dockerfile: alone, "package.json": PACKAGE } })).toEqual({
      Dockerfile: alone.replace("npm ci", "npm install"),
    });
    expect(changed({ log: none, files: { Dockerfile: alone, ...lock } })).toEqual({
      Dockerfile: alone.replace("package.json", "package.json package-lock.json"),
    });
  });
});

describe("17 and 18: another base", () => {
  const openssl = "Error: error:0308010C:digital envelope routines::unsupported";
  const on = (from: string, args = "") =>
    changed({ log: openssl, files: { Dockerfile: `${args}FROM ${from}\nRUN npm run build\n` } })["Dockerfile"];

  test("keeps what else its tag says", () => {
    expect(on("node:20-slim AS build")).toBe("FROM node:16-slim AS build\nRUN npm run build\n");
    expect(on("docker.io/library/node:22.1.0-alpine3.20")).toContain("FROM docker.io/library/node:16-alpine\n");
    expect([on("node"), on("node:lts"), on("node:slim")].map((text) => text?.split("\n")[0])).toEqual([
      "FROM node:16",
      "FROM node:16",
      "FROM node:16-slim",
    ]);
    expect(on("node:${V}-slim", "ARG V=20.1\n")).toBe("ARG V=16\nFROM node:${V}-slim\nRUN npm run build\n");
    expect(on("debian:bookworm")).toBeUndefined();
  });

  test("of a version that suits and is there", () => {
    const engine = (required: string) =>
      changed({
        log: `npm error code EBADENGINE\nnpm error notsup Required: {"node":"${required}"}\nnpm error notsup Actual:   {"node":"v20.20.2"}`,
        files: { Dockerfile: "FROM node:20\n" },
      })["Dockerfile"];
    expect([engine(">=22"), engine("^18 || ^16"), engine(">=99"), engine("22.x")]).toEqual([
      "FROM node:22\n",
      "FROM node:18\n",
      undefined,
      "FROM node:22\n",
    ]);
    expect(told({ log: "npm warn EBADENGINE Unsupported engine {", files: { Dockerfile: "FROM node:20\n" } })).toEqual([]);
    const go = (wanted: string) =>
      changed({
        log: `go: go.mod requires go >= ${wanted} (running go 1.21.3; GOTOOLCHAIN=local)`,
        files: { Dockerfile: "FROM golang:1.21.3-alpine3.19\n" },
      })["Dockerfile"];
    expect([go("1.23"), go("1.23.4"), go("1.99")]).toEqual(["FROM golang:1.23-alpine\n", "FROM golang:1.23-alpine\n", undefined]);
  });

  test("go mod tidy runs where go.mod is", () => {
    const files = {
      Dockerfile: "FROM golang:1.22 AS b\nWORKDIR /src\nCOPY go.mod ./\nCOPY . .\nRUN go build\n",
      "go.mod": "module example.com/api\n",
    };
    expect(toolOf({ log: "main.go:3:8: no required module provides package github.com/a/b; to add it:", files })).toMatchObject({
      image: "golang:1.22",
      argv: ["go", "mod", "tidy"],
      writes: ["go.mod", "go.sum"],
    });
    expect(told({ log: "go: github.com/a/b@v1.2.3: missing go.sum entry for go.mod file; to add it:", files })).toEqual([
      "approve go-module-missing:github.com/a/b",
    ]);
    expect(told({ log: "go: updates to go.mod needed; to update it:", files })).toEqual(["approve go-module-missing:go.mod"]);
    expect(told({ log: "x.go:1:1: no required module provides package example.com/api/x; to add it:", files })).toEqual([
      "report go-module-missing:example.com/api/x",
    ]);
  });
});
