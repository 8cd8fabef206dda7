import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
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
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyChanges, type FileWrite, revertChanges } from "./apply.ts";
import { sha256Of } from "./place.ts";

let root: string;
let workspace: string;
let keep: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orco-apply-"));
  workspace = join(root, "work");
  keep = join(root, "keep/run");
  for (const [path, text] of Object.entries({
    "api/Dockerfile": "FROM a\n",
    "api/deep/requirements.txt": "x\n",
    "web/package.json": "{}\r\n",
  }))
    put(path, text);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, text: string | Uint8Array): void {
  mkdirSync(join(workspace, path, ".."), { recursive: true });
  writeFileSync(join(workspace, path), text);
}

/** Everything below the folder: kind, mode, bytes. */
function tree(dir = workspace): Record<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" }).toSorted();
  return Object.fromEntries(names.map((name) => [name, looksOf(join(dir, name))]));
}

function looksOf(path: string): string {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return `link ${readlinkSync(path)}`;
  return stat.isFile() ? `${(stat.mode & 0o7777).toString(8)} ${readFileSync(path, "latin1")}` : "folder";
}

function change(path: string, before: string | null, after: string | null): FileWrite {
  return { path, preSha256: before === null ? null : sha256Of(before), after: after === null ? null : Buffer.from(after) };
}

const apply = (...changes: FileWrite[]) => applyChanges({ workspace, changes, keep });
const revert = () => revertChanges({ workspace, keep });
const docker = change("api/Dockerfile", "FROM a\n", "FROM b\n");

async function refused(code: string, ...changes: FileWrite[]): Promise<{ message: string; facts: { errors?: { rule: string }[] } }> {
  const before = tree(root);
  const error = await apply(...changes).then(
    () => expect.unreachable(),
    (error: unknown) => error,
  );
  expect(error).toMatchObject({ code });
  const after = Object.entries(tree(root)).filter(([name]) => !name.startsWith("keep"));
  expect(Object.fromEntries(after)).toEqual(Object.fromEntries(Object.entries(before).filter(([name]) => !name.startsWith("keep"))));
  return error as { message: string; facts: { errors?: { rule: string }[] } };
}

describe("a patch", () => {
  test("changes, makes and deletes files, and is taken back byte for byte", async () => {
    const bytes = new Uint8Array([0, 255, 13, 10, 0xc3]);
    put("api/bin", bytes);
    chmodSync(join(workspace, "api/bin"), 0o751);
    const before = tree();
    await apply(
      docker,
      { path: "api/bin", preSha256: sha256Of(bytes), after: Buffer.from("new") },
      change("api/new/er/file", null, "made"),
      { ...change("api/run.sh", null, "#!"), mode: 0o755 },
      change("web/package.json", "{}\r\n", null),
    );
    expect(tree()).toEqual({
      api: "folder",
      "api/Dockerfile": "644 FROM b\n",
      "api/bin": "751 new",
      "api/deep": "folder",
      "api/deep/requirements.txt": "644 x\n",
      "api/new": "folder",
      "api/new/er": "folder",
      "api/new/er/file": "644 made",
      "api/run.sh": "755 #!",
      web: "folder",
    });
    expect(await revert()).toEqual([]);
    expect(tree()).toEqual(before);
    expect(await revert()).toEqual([]);
  });

  test("keeps owner and times when it is taken back", async () => {
    const path = join(workspace, "api/Dockerfile");
    if (process.getuid?.() === 0) chownSync(path, 1234, 4321);
    const before = statSync(path);
    await apply(docker);
    expect(statSync(path)).toMatchObject({ uid: before.uid, gid: before.gid });
    await revert();
    const after = statSync(path);
    expect(after).toMatchObject({ uid: before.uid, gid: before.gid, mode: before.mode });
    expect(Math.abs(after.mtimeMs - before.mtimeMs)).toBeLessThan(1);
  });

  test("that is applied twice is applied once, and what it kept is what was there first", async () => {
    const before = tree();
    await apply(docker);
    await apply(docker);
    expect(readFileSync(join(workspace, "api/Dockerfile"), "utf8")).toBe("FROM b\n");
    await revert();
    expect(tree()).toEqual(before);
  });

  test("is none where one of its files is another than planned", async () => {
    const error = await refused("plan_outdated", docker, change("web/package.json", "{}\n", "{ }\n"));
    expect(error.facts).toMatchObject({ files: ["web/package.json"] });
    await refused("plan_outdated", docker, change("web/none", "x", "y"));
    await refused("plan_outdated", docker, change("web/package.json", null, "x"));
  });

  test("is none where a file changes between the look and the write", async () => {
    // The second look at the same file was made before the first write to it.
    await refused("plan_outdated", docker, change("api/Dockerfile", "FROM a\n", "FROM c\n"));
    await refused("plan_outdated", docker, change("api/x", null, "1"), change("api/x", null, "2"));
    await refused("plan_outdated", docker, change("web/package.json", "{}\r\n", null), change("web/package.json", "{}\r\n", null));
    expect(await revert()).toEqual([]);
  });
});

describe("a path", () => {
  for (const path of [
    "",
    "/etc/x",
    "../x",
    "api/../../x",
    "api/./x",
    "api//x",
    "api/",
    "a\\b",
    "api/.git/config",
    ".GIT/x",
    "git~1/x",
    "api/x.",
    "api/x ",
    "api/a\u0000b",
    "api/u\u0308",
    "a\u200b/x",
    "x".repeat(256),
  ])
    test(`${JSON.stringify(path.slice(0, 30))} is refused`, async () => {
      expect((await refused("patch_refused", docker, change(path, null, "x"))).facts.errors?.[0]?.rule).toBe("path");
    });

  for (const [link, target] of [
    ["api", "outside"],
    ["api/deep", "outside"],
    ["api/deep", "work/web"],
    ["api/deep/requirements.txt", "outside/requirements.txt"],
  ] as const)
    test(`with a link at ${link} to ${target} is refused, be it inside`, async () => {
      mkdirSync(join(root, "outside/deep"), { recursive: true });
      for (const path of ["outside/requirements.txt", "outside/deep/requirements.txt", "work/web/requirements.txt"])
        writeFileSync(join(root, path), "x\n");
      rmSync(join(workspace, link), { recursive: true });
      symlinkSync(join(root, target), join(workspace, link));
      expect((await refused("patch_refused", change("api/deep/requirements.txt", "x\n", "y\n"))).facts.errors?.[0]?.rule).toBe("symlink");
    });

  test("of a workspace that lies behind a link is refused", async () => {
    renameSync(workspace, join(root, "real"));
    symlinkSync(join(root, "real"), workspace);
    await refused("patch_refused", docker);
  });
});

describe("a file", () => {
  test("with a second name is refused: it may be anybody's", async () => {
    linkSync(join(workspace, "api/Dockerfile"), join(root, "outside"));
    expect((await refused("patch_refused", docker)).facts.errors?.[0]?.rule).toBe("hard_link");
  });

  test("that is none is refused, and a pipe is not waited for", async () => {
    Bun.spawnSync(["mkfifo", join(workspace, "api/pipe")]);
    await refused("patch_refused", docker, change("api/pipe", "", "x"));
    await refused("patch_refused", docker, change("api/deep", "", "x"));
    await refused("patch_refused", change("api/Dockerfile/x", null, "x"));
  });

  test("that is too large is refused", async () => {
    truncateSync(join(workspace, "api/Dockerfile"), 17 * 1024 * 1024);
    expect(await apply(docker).catch((error: unknown) => error)).toMatchObject({
      code: "patch_refused",
      facts: { errors: [{ rule: "size" }] },
    });
  });
});

describe("taking back", () => {
  test("leaves alone what somebody has changed since, and says so", async () => {
    await apply(
      docker,
      change("web/package.json", "{}\r\n", "{ }\r\n"),
      change("api/made", null, "1"),
      change("api/deep/requirements.txt", "x\n", null),
    );
    put("api/Dockerfile", "FROM mine\n");
    put("api/made", "mine");
    put("api/deep/requirements.txt", "mine");
    expect(await revert()).toEqual(["api/Dockerfile", "api/made", "api/deep/requirements.txt"]);
    expect(tree()).toMatchObject({ "api/Dockerfile": "644 FROM mine\n", "api/made": "644 mine", "web/package.json": "644 {}\r\n" });
    expect(await revert()).toEqual(["api/Dockerfile", "api/made", "api/deep/requirements.txt"]);
  });

  test("writes through no link that came meanwhile", async () => {
    await apply(docker);
    renameSync(join(workspace, "api"), join(root, "outside"));
    symlinkSync(join(root, "outside"), join(workspace, "api"));
    expect(await revert()).toEqual(["api/Dockerfile"]);
    expect(readFileSync(join(root, "outside/Dockerfile"), "utf8")).toBe("FROM b\n");
  });

  test("keeps folders that are not empty", async () => {
    await apply(change("api/new/file", null, "1"));
    put("api/new/mine", "mine");
    expect(await revert()).toEqual([]);
    expect(readdirSync(join(workspace, "api/new"))).toEqual(["mine"]);
  });

  test("has nothing to do where nothing was written", async () => {
    expect(await revert()).toEqual([]);
    expect(existsSync(keep)).toBe(false);
  });

  test("goes on where a process died between two folders", async () => {
    const before = tree();
    await apply(change("api/new/er/file", null, "1"));
    rmSync(join(workspace, "api/new/er"), { recursive: true });
    expect(await revert()).toEqual([]);
    expect(tree()).toEqual(before);
  });

  test("gives back an edit that the patch took out of its place before it died", async () => {
    await apply(docker);
    const { files } = JSON.parse(readFileSync(join(keep, "intent.json"), "utf8")) as { files: [{ temp: string }] };
    put(`api/${files[0].temp}`, "FROM mine\n");
    expect(await revert()).toEqual(["api/Dockerfile"]);
    expect(tree()).toMatchObject({ "api/Dockerfile": "644 FROM mine\n" });
    expect(readdirSync(join(workspace, "api")).toSorted()).toEqual(["Dockerfile", "deep"]);
  });

  test("throws away what a process had written half", async () => {
    const before = tree();
    await apply(docker);
    const { files } = JSON.parse(readFileSync(join(keep, "intent.json"), "utf8")) as { files: [{ temp: string }] };
    put(`api/${files[0].temp}`, "FR");
    put(`api/${files[0].temp}-undo`, "F");
    expect(await revert()).toEqual([]);
    expect(tree()).toEqual(before);
  });
});

/** A folder that nobody may write to, root neither. */
function frozen(path: string, is: boolean): boolean {
  return Bun.spawnSync(["chattr", is ? "+i" : "-i", path]).exitCode === 0;
}
const probe = mkdtempSync(join(tmpdir(), "orco-frozen-"));
const canFreeze = frozen(probe, true) && frozen(probe, false);
rmSync(probe, { recursive: true });

test.skipIf(!canFreeze)("a folder that may not be written says so, and nothing has changed", async () => {
  const before = tree();
  const folder = join(workspace, "api");
  frozen(folder, true);
  try {
    const refused = await apply(change("api/Dockerfile", "FROM a\n", "FROM b\n")).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "conflict", message: expect.stringContaining("cannot be written: orco may not write there") });
    expect(tree()).toEqual(before);
  } finally {
    frozen(folder, false);
  }
});
