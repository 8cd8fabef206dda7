import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type CopyRequest, makeCopy, removeCopy, sweepCopies } from "./make-copy.ts";

let folder: string;
let workspace: string;
const signal = new AbortController().signal;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orco-copy-"));
  workspace = join(folder, "shop");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(texts: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(workspace, path)), { recursive: true });
    writeFileSync(join(workspace, path), text);
  }
}

function copied(more: Partial<CopyRequest> = {}): Promise<{ root: string }> {
  return makeCopy({ workspace, directory: "api", dockerfile: "api/Dockerfile", into: join(folder, "copies", "one"), signal, ...more });
}

function listed(root: string): string[] {
  const inside = (path: string): string[] =>
    readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? inside(join(path, entry.name)) : [join(path, entry.name)],
    );
  return inside("").toSorted();
}

describe("a copy", () => {
  test("is private, has the files with their modes and times, and stands below the same paths", async () => {
    put({ "api/Dockerfile": "FROM x", "api/run.sh": "#!/bin/sh", "web/other": "x" });
    chmodSync(join(workspace, "api/run.sh"), 0o755);
    const { root } = await copied();
    expect(statSync(root).mode & 0o777).toBe(0o700);
    expect(listed(root)).toEqual(["api/Dockerfile", "api/run.sh"]);
    expect(statSync(join(root, "api/run.sh")).mode & 0o777).toBe(0o755);
    const times = [root, workspace].map((top) => Math.floor(statSync(join(top, "api/run.sh")).mtimeMs));
    expect(times[0]).toBe(times[1]);
  });

  test("never has git's data or .env files; one that the Dockerfile copies is there, and empty", async () => {
    put({
      "api/Dockerfile": "FROM x\nCOPY .env.example .env.example\nCOPY . .",
      "api/.env": "TOKEN=canary",
      "api/.env.local": "TOKEN=canary",
      "api/.env.example": "TOKEN=canary",
      "api/sub/.env": "TOKEN=canary",
      "api/.git/config": "canary",
      "api/sub/.git": "gitdir: canary",
      "api/.envrc": "kept",
    });
    const { root } = await copied();
    expect(listed(root)).toEqual(["api/.env.example", "api/.envrc", "api/Dockerfile"]);
    expect(readFileSync(join(root, "api/.env.example"), "utf8")).toBe("");
  });

  test("leaves out what .dockerignore leaves out, but what the catalogue reads, and what is let in again", async () => {
    put({
      "api/.dockerignore": "*.log\nnode_modules\nDockerfile\ndata\n!data/kept\nrequirements.txt\n",
      "api/Dockerfile": "FROM x",
      "api/a.log": "x",
      "api/node_modules/x/index.js": "x",
      "api/data/left": "x",
      "api/data/kept": "x",
      "api/requirements.txt": "x",
    });
    const { root } = await copied();
    expect(listed(root)).toEqual(["api/.dockerignore", "api/Dockerfile", "api/data/kept", "api/requirements.txt"]);
    // BuildKit reads another file; then nothing may be missing.
    put({ "api/Dockerfile.dockerignore": "x" });
    expect(listed((await copied()).root)).toContain("api/a.log");
  });

  test("takes a Dockerfile that lies beside the context along", async () => {
    put({ "api/a": "x", "docker/api/Dockerfile": "FROM x", "docker/other": "x" });
    const { root } = await copied({ dockerfile: "docker/api/Dockerfile" });
    expect(listed(root)).toEqual(["api/a", "docker/api/Dockerfile"]);
  });

  test("has further folders that the build reads, once", async () => {
    put({ "api/Dockerfile": "FROM x", "api/in/a": "x", "shared/lib/b": "x", "shared/.env": "canary", "web/c": "x" });
    const { root } = await copied({ also: ["shared", "api/in", "shared/lib", ""] });
    expect(listed(root)).toEqual(["api/Dockerfile", "api/in/a", "shared/lib/b"]);
  });

  test("of the whole workspace", async () => {
    put({ Dockerfile: "FROM x", "src/a": "x" });
    const { root } = await copied({ directory: "", dockerfile: "Dockerfile" });
    expect(listed(root)).toEqual(["Dockerfile", "src/a"]);
    expect(statSync(root).mode & 0o777).toBe(0o700);
  });

  test("has links as links, no pipe, and shares no file with the tree", async () => {
    put({ "api/Dockerfile": "FROM x", secret: "canary", "api/here": "x" });
    symlinkSync("../secret", join(workspace, "api/out"));
    symlinkSync("/etc", join(workspace, "api/etc"));
    linkSync(join(workspace, "secret"), join(workspace, "api/hard"));
    Bun.spawnSync(["mkfifo", join(workspace, "api/pipe")]);
    const { root } = await copied();
    expect(listed(root)).toEqual(["api/Dockerfile", "api/etc", "api/hard", "api/here", "api/out"]);
    expect(readlinkSync(join(root, "api/out"))).toBe("../secret");
    expect(lstatSync(join(root, "api/etc")).isSymbolicLink()).toBe(true);
    writeFileSync(join(root, "api/hard"), "changed");
    expect(readFileSync(join(workspace, "secret"), "utf8")).toBe("canary");
  });

  test.each([
    ["../elsewhere", "../elsewhere/Dockerfile", "outside of the workspace"],
    ["gone", "gone/Dockerfile", "gone: no such file or folder in the workspace"],
    ["linked", "linked/Dockerfile", "symbolic link"],
    ["linked/api", "linked/api/Dockerfile", "symbolic link"],
    ["api", "linked/Dockerfile", "symbolic link"],
  ])("of %s with %s is refused, and nothing is left", async (directory, dockerfile, why) => {
    put({ "api/a": "x", "../elsewhere/Dockerfile": "x", "../elsewhere/api/Dockerfile": "x" });
    symlinkSync("../elsewhere", join(workspace, "linked"));
    expect(copied({ directory, dockerfile })).rejects.toMatchObject({ code: "compose_invalid", message: expect.stringContaining(why) });
    await copied({ directory, dockerfile }).catch(() => undefined);
    expect(existsSync(join(folder, "copies", "one"))).toBe(false);
  });

  test("that would be too large says what to do, before it is made; a file with holes counts whole", async () => {
    put({ "api/Dockerfile": "FROM x", "api/big": "" });
    truncateSync(join(workspace, "api/big"), 3 * 1024 ** 3);
    expect(copied()).rejects.toMatchObject({ code: "too_large", message: expect.stringContaining(".dockerignore") });
    await copied().catch(() => undefined);
    expect(existsSync(join(folder, "copies", "one"))).toBe(false);
  });

  test("ends with its signal", async () => {
    put({ "api/Dockerfile": "FROM x" });
    expect(
      makeCopy({ workspace, directory: "api", into: join(folder, "c"), signal: AbortSignal.abort(new Error("enough")) }),
    ).rejects.toThrow("enough");
  });

  test("never shows what lies behind a folder that is swapped for a link meanwhile", async () => {
    put({ "api/Dockerfile": "FROM x", "api/a/b/file": "own", "outside/b/file": "canary" });
    const [inside, aside, link] = ["api/a", "aside", "link"].map((path) => join(workspace, path));
    symlinkSync(join(workspace, "outside"), link ?? "");
    const over = new AbortController();
    const swapping = (async () => {
      while (!over.signal.aborted) {
        renameSync(inside ?? "", aside ?? "");
        renameSync(link ?? "", inside ?? "");
        await new Promise((turn) => setImmediate(turn));
        renameSync(inside ?? "", link ?? "");
        renameSync(aside ?? "", inside ?? "");
        await new Promise((turn) => setImmediate(turn));
      }
    })();
    try {
      for (let turn = 0; turn < 100; turn++) {
        const { root } = await copied();
        const copy = join(root, "api/a/b/file");
        const isPlain = lstatSync(join(root, "api/a"), { throwIfNoEntry: false })?.isDirectory() === true;
        if (isPlain && existsSync(copy)) expect(readFileSync(copy, "utf8")).toBe("own");
      }
    } finally {
      over.abort();
      await swapping;
    }
  }, 120_000);
});

test("copies that a daemon left are swept, with folders that may not be written", async () => {
  put({ "api/Dockerfile": "FROM x", "api/locked/file": "x" });
  const { root } = await copied();
  chmodSync(join(root, "api/locked"), 0o500);
  await sweepCopies(join(folder, "copies"));
  expect(existsSync(root)).toBe(false);
  await sweepCopies(join(folder, "none"));
  await removeCopy({ root });
  unlinkSync(join(workspace, "api/Dockerfile"));
});
