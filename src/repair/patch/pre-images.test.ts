import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { baseCommit, dirtyFiles, preImages } from "./pre-images.ts";
import { sha256Of } from "./place.ts";

let root: string;
let workspace: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orco-git-"));
  workspace = join(root, "repo/project");
  mkdirSync(workspace, { recursive: true });
  git("init", "--quiet", "--initial-branch=main", "..");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function git(...args: string[]): string {
  const who = { GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b" };
  const ran = Bun.spawnSync(["git", "-c", "safe.directory=*", ...args], {
    cwd: workspace,
    env: { PATH: process.env["PATH"] ?? "", HOME: root, ...who },
  });
  if (!ran.success) throw new Error(`git ${args.join(" ")}: ${ran.stderr.toString()}`);
  return ran.stdout.toString().trim();
}

function put(path: string, text: string | Uint8Array): void {
  mkdirSync(dirname(join(workspace, path)), { recursive: true });
  writeFileSync(join(workspace, path), text);
}

function commit(files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) put(path, text);
  git("add", "--all", ".");
  git("commit", "--quiet", "--message", "x");
  return git("rev-parse", "HEAD");
}

describe("the base commit", () => {
  test("is the one that is checked out, also from below the repository's root and for another user's", async () => {
    const head = commit({ "api/Dockerfile": "FROM a\n" });
    expect(await baseCommit(workspace)).toBe(head);
    expect(await baseCommit(join(root, "repo"))).toBe(head);
    if (process.getuid?.() === 0) for (const path of [workspace, join(root, "repo"), join(root, "repo/.git")]) chownSync(path, 1234, 1234);
    expect(await baseCommit(workspace)).toBe(head);
  });

  test("is null without a commit, without a repository, and in a repository that knows nothing of the folder", async () => {
    expect(await baseCommit(workspace)).toBeNull();
    expect(await baseCommit(root)).toBeNull();
    commit({ "api/Dockerfile": "FROM a\n" });
    mkdirSync(join(root, "repo/other"));
    expect(await baseCommit(join(root, "repo/other"))).toBeNull();
  });
});

describe("dirty files", () => {
  const paths = ["a", "b c/ü", "-rf", "*", "new", "gone", "ignored", "none"];
  const texts = { a: "1\n", "b c/ü": "1\n", "-rf": "1\n", "*": "1\n", gone: "1\n", ".gitignore": "ignored\n" };

  test("are those that are changed, staged, untracked or deleted; no others", async () => {
    commit(texts);
    expect(await dirtyFiles({ workspace, paths })).toEqual([]);
    put("ignored", "x");
    put("b c/ü", "2\n");
    put("new", "x");
    rmSync(join(workspace, "gone"));
    expect(await dirtyFiles({ workspace, paths })).toEqual(["b c/ü", "new", "gone"]);
    put("-rf", "2\n");
    git("add", "--", "-rf");
    put("-rf", "1\n");
    put("*", "2\n");
    expect(await dirtyFiles({ workspace, paths })).toEqual(["b c/ü", "-rf", "*", "new", "gone"]);
  });

  test("are none that an earlier repair left so", async () => {
    commit(texts);
    put("a", "2\n");
    expect(await dirtyFiles({ workspace, paths, known: new Set([sha256Of("2\n")]) })).toEqual([]);
    put("a", "3\n");
    expect(await dirtyFiles({ workspace, paths, known: new Set([sha256Of("2\n")]) })).toEqual(["a"]);
  });

  test("are none where git stores other line ends", async () => {
    commit({ ".gitattributes": "*.txt text eol=crlf\n", "a.txt": "1\r\n2\r\n" });
    expect(git("show", "HEAD:./a.txt")).toBe("1\n2");
    expect(await dirtyFiles({ workspace, paths: ["a.txt"] })).toEqual([]);
    put("a.txt", "1\r\n3\r\n");
    expect(await dirtyFiles({ workspace, paths: ["a.txt"] })).toEqual(["a.txt"]);
  });

  test("are none without git", async () => {
    put("a", "x");
    expect(await dirtyFiles({ workspace, paths: ["a"] })).toEqual([]);
    expect(await dirtyFiles({ workspace: root, paths: ["a"] })).toEqual([]);
  });

  test("are found without running anything that the repository names", async () => {
    const trap = join(root, "trap");
    const run = `touch ${trap}; cat`;
    commit({ a: "1\n" });
    for (const [name, value] of [
      ["core.fsmonitor", run],
      ["filter.x.clean", run],
      ["filter.x.process", run],
      ["diff.external", run],
      ["core.pager", run],
      ["core.hooksPath", join(root, "hooks")],
    ] as const)
      git("config", name, value);
    put(".gitattributes", "* filter=x diff=x\n");
    put("a", "2\n");
    expect(await dirtyFiles({ workspace, paths: ["a"] })).toEqual(["a"]);
    expect(await baseCommit(workspace)).not.toBeNull();
    expect(existsSync(trap)).toBe(false);
  });
});

test("pre-images are hashes of bytes, through no link", async () => {
  put("a", new Uint8Array([255, 0]));
  expect(await preImages(workspace, ["a", "b", "c/d"])).toEqual(
    new Map([
      ["a", sha256Of(new Uint8Array([255, 0]))],
      ["b", null],
      ["c/d", null],
    ]),
  );
  symlinkSync(root, join(workspace, "link"));
  expect(await preImages(workspace, ["link/x"]).catch((error: unknown) => error)).toMatchObject({ code: "patch_refused" });
});
