import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { processorTime } from "../../../test/processor-time.ts";
import type { FileChange } from "./change.ts";
import { applyDiff, diffOfChanges, parseDiff } from "./diff.ts";

const root = mkdtempSync(join(tmpdir(), "orco-diff-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function git(cwd: string, args: readonly string[], stdin = ""): string {
  const env = { PATH: process.env["PATH"] ?? "", HOME: root, GIT_CONFIG_NOSYSTEM: "1", GIT_CEILING_DIRECTORIES: root };
  const ran = Bun.spawnSync(["git", ...args], { cwd, env, stdin: Buffer.from(stdin) });
  if (ran.exitCode > 1 || (ran.exitCode === 1 && args[0] !== "diff")) throw new Error(`git ${args.join(" ")}: ${ran.stderr.toString()}`);
  return ran.stdout.toString();
}

let folders = 0;
function folder(files: Readonly<Record<string, string | null>>): string {
  const dir = join(root, String(folders++));
  mkdirSync(dir);
  for (const [path, text] of Object.entries(files)) {
    if (text === null) continue;
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

function read(dir: string, path: string): string | null {
  return existsSync(join(dir, path)) ? readFileSync(join(dir, path), "utf8") : null;
}

const line = fc.constantFrom(
  "a",
  "b",
  "c",
  "",
  " ",
  "-x",
  "+y",
  "\\ No",
  "@@ -1 +1 @@",
  "a\r",
  "ü\u2028",
  "\t",
  "--- a/x",
  "diff --git a/x b/x",
);
const text = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.boolean())
  .map(([lines, open]) => lines.join("\n") + (open || lines.length === 0 ? "" : "\n"));
const path = fc.constantFrom("Dockerfile", "a b/c", "tab\there", 'quo"te', "back\\slash", "ümlaut/x.txt", "a", "x b/x", "new\nline", "-rf");
const change = fc
  .record({ path, before: fc.option(text), after: fc.option(text) })
  .filter(({ before, after }) => before !== null || after !== null);
const changes = fc.uniqueArray(change, { selector: ({ path }) => path.split("/")[0], maxLength: 4 });

describe("a diff", () => {
  test("is taken by git apply, whatever the texts and names", () => {
    fc.assert(
      fc.property(changes, (all) => {
        const dir = folder(Object.fromEntries(all.map(({ path, before }) => [path, before])));
        const diff = diffOfChanges(all);
        if (diff !== "") git(dir, ["apply", "--whitespace=nowarn"], diff);
        for (const { path, after } of all) expect([path, read(dir, path)]).toEqual([path, after]);
        rmSync(dir, { recursive: true });
      }),
      { numRuns: 80 },
    );
  }, 60_000);

  test("of git is read, and makes the same of the files", () => {
    const repo = folder({});
    git(repo, ["init", "--quiet", "--bare"]);
    fc.assert(
      fc.property(changes, fc.constantFrom("-U3", "-U0", "-U10"), (all, context) => {
        const dir = folder(Object.fromEntries(all.map(({ path, before }) => [path, before])));
        const at = ["--git-dir", repo, "--work-tree", "."];
        git(dir, [...at, "add", "--all"]);
        const tree = git(dir, [...at, "write-tree"]).trim();
        for (const { path, after } of all) {
          if (after === null) rmSync(join(dir, path));
          else {
            mkdirSync(dirname(join(dir, path)), { recursive: true });
            writeFileSync(join(dir, path), after);
          }
        }
        git(dir, [...at, "add", "--all"]);
        const diff = git(dir, [...at, "diff", "--cached", "--no-renames", context, tree]);
        const found = applyDiff(diff, (path) => all.find((one) => one.path === path)?.before ?? null);
        const expected = all.filter(({ before, after }) => before !== after);
        const texts = (changes: readonly FileChange[]) => Object.fromEntries(changes.map(({ path, after }) => [path, after]));
        expect(texts(found)).toEqual(texts(expected));
        rmSync(dir, { recursive: true });
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  test("of its own is read back", () => {
    fc.assert(
      fc.property(changes, (all) => {
        const found = applyDiff(diffOfChanges(all), (path) => all.find((one) => one.path === path)?.before ?? null);
        expect(found.map(({ path, before, after }) => ({ path, before, after }))).toEqual(
          all.filter(({ before, after }) => before !== after),
        );
      }),
    );
  });

  test("looks as git writes it", () => {
    const all: FileChange[] = [{ path: "api/Dockerfile", before: "FROM a\nRUN b\nCMD c\n", after: "FROM a\nRUN b d\nCMD c\n" }];
    expect(diffOfChanges(all)).toBe(
      "diff --git a/api/Dockerfile b/api/Dockerfile\n--- a/api/Dockerfile\n+++ b/api/Dockerfile\n@@ -1,3 +1,3 @@\n FROM a\n-RUN b\n+RUN b d\n CMD c\n",
    );
    expect(diffOfChanges([{ path: "x", before: null, after: "a", mode: 0o755 }])).toBe(
      "diff --git a/x b/x\nnew file mode 100755\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n",
    );
    expect(diffOfChanges([{ path: "x", before: "a", after: "a" }])).toBe("");
  });

  test("of files that have nothing in common is bounded in time", () => {
    const many = (name: string): string => Array.from({ length: 30_000 }, (_, index) => `${name}${index}\n`).join("");
    const spent = processorTime();
    const [before, after] = [many("a"), many("b")];
    expect(applyDiff(diffOfChanges([{ path: "x", before, after }]), () => before)[0]?.after).toBe(after);
    expect(spent()).toBeLessThan(5000);
  });
});

describe("a diff of an operator", () => {
  const head = "diff --git a/x b/x\n";
  const body = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";

  test("may lack git's header, the last line break, and the blank of empty lines", () => {
    expect(applyDiff(body, () => "a\nb\n")[0]?.after).toBe("a\nc\n");
    expect(applyDiff(`${head}${body}`.trimEnd(), () => "a\nb\n")[0]?.after).toBe("a\nc\n");
    expect(applyDiff("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n\n-b\n+c\n", () => "\nb\n")[0]?.after).toBe("\nc\n");
    expect(applyDiff("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+c\n", () => null)).toEqual([{ path: "x", before: null, after: "c\n" }]);
  });

  const refused: readonly (readonly [what: string, diff: string, why: RegExp])[] = [
    ["a rename", "diff --git a/x b/y\nrename from x\nrename to y\n", /same path twice/],
    ["a rename of equal length", `${head}similarity index 100%\nrename from x\nrename to y\n`, /rename/],
    ["a copy", `${head}copy from x\ncopy to y\n`, /copy/],
    ["a mode", `${head}old mode 100644\nnew mode 100755\n`, /modes/],
    [
      "a symbolic link",
      `${head}new file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n`,
      /symbolic links/,
    ],
    ["a link that is changed", `${head}index 1234567..1234568 120000\n${body}`, /symbolic links/],
    ["a submodule", `${head}new file mode 160000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+S\n`, /160000/],
    ["setuid", `${head}new file mode 104755\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+S\n`, /104755/],
    ["a binary patch", `${head}GIT binary patch\nliteral 0\n`, /binary/],
    ["binary files", `${head}Binary files a/x and b/x differ\n`, /binary/],
    ["two names", `${head}--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n`, /same path/],
    ["names other than the header's", `${head}--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n`, /names of the file differ/],
    ["no prefix", "--- x\n+++ x\n@@ -1 +1 @@\n-a\n+b\n", /a\/<path>/],
    ["a file twice", `${head}${body}${head}${body}`, /second patch/],
    ["a hunk that is too short", `${head}--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n`, /shorter/],
    ["a hunk that is too long", `${head}--- a/x\n+++ b/x\n@@ -1,1 +1,1 @@\n-a\n-b\n+c\n`, /longer/],
    ["text before it", `From: me\n${head}${body}`, /expected/],
    ["text behind it", `${head}${body}-- \n2.39\n`, /expected/],
    ["text that is none", "hello", /expected/],
  ];
  for (const [what, diff, why] of refused)
    test(`is refused for ${what}`, () => {
      expect(() => parseDiff(diff)).toThrow(expect.objectContaining({ code: "patch_refused", message: expect.stringMatching(why) }));
    });

  test("is refused where the file is another", () => {
    const apply = (before: string | null) => () => applyDiff(body, () => before);
    for (const before of ["a\nB\n", "x\na\nb\n", "a\n", "", null, "a\nb", "a\r\nb\r\n"])
      expect(apply(before)).toThrow(expect.objectContaining({ code: "patch_refused" }));
    expect(() => applyDiff("--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+c\n", () => "")).toThrow(/there already/);
    expect(() => applyDiff("--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-c\n", () => "c\nd\n")).toThrow(/more than the diff deletes/);
  });

  test("of any text is refused or read, never worse", () => {
    const piece = fc.constantFrom(
      head,
      body,
      "--- a/x\n",
      "+++ b/x\n",
      "@@ -1 +1 @@\n",
      "@@ -0,0 +1,9 @@\n",
      " a\n",
      "-a\n",
      "+a\n",
      "\\ No\n",
      "\n",
      '"a/x',
      "\0",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        try {
          applyDiff(pieces.join(""), () => "a\n");
        } catch (error) {
          expect(error).toMatchObject({ code: "patch_refused", facts: { errors: [{ rule: "diff" }] } });
        }
      }),
    );
  });
});
