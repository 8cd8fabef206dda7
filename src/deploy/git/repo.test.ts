import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import { fetchQuietly, Origin } from "./origin.suite.ts";
import { repoOpener } from "./repo.ts";

let origin: Origin;

beforeEach(() => {
  origin = new Origin();
});

afterEach(() => origin.remove());

test("a sha, its beginning, branches with slashes, tags of both kinds and ancestors resolve to 40-hex", async () => {
  const first = origin.commit({ "a.txt": "1" });
  origin.git("tag", "light");
  origin.git("tag", "--annotate", "--message", "release", "v1");
  origin.git("branch", "feature/x/y");
  const second = origin.commit({ "a.txt": "2" });
  const repo = await origin.fetched();
  for (const ref of [first, first.slice(0, 10), "light", "v1", "feature/x/y", "main~1", "main^", "v1~0", "refs/tags/v1", "HEAD~"])
    expect(await repo.resolve(ref)).toBe(first);
  for (const ref of [second, "main", "HEAD"]) expect(await repo.resolve(ref)).toBe(second);
  expect(await repo.defaultBranch()).toBe("main");
});

test("what names no commit is refused by name, and never reaches the arguments of git", async () => {
  const commit = origin.commit({ "a.txt": "1", "dir/b": "2" });
  const [tree, blob] = [origin.git("rev-parse", "HEAD^{tree}"), origin.git("rev-parse", "HEAD:a.txt")];
  origin.git("tag", "treetag", tree);
  const repo = await origin.fetched();
  const why = async (ref: string): Promise<string> => {
    const error = await repo.resolve(ref).then(
      () => undefined,
      (reason: { code: string; message: string }) => reason,
    );
    expect(error?.code).toBe("unknown_commit");
    return error?.message ?? "";
  };
  expect(await why("")).toBe('unknown commit "": no commit was named');
  expect(await why("--upload-pack=touch /tmp/x")).toContain("it begins with -");
  expect(await why("-h")).toContain("it begins with -");
  expect(await why("nope")).toEndWith("has no such commit, tag or branch");
  expect(await why("mian")).toEndWith("did you mean main?");
  expect(await why("0123456789012345678901234567890123456789")).toContain("no branch or tag of");
  expect(await why("a.txt")).toContain("no such commit");
  expect(await why("dir/b")).toContain("no such commit");
  expect(await why(tree)).toContain("it names a folder (tree), not a commit");
  expect(await why(blob)).toContain("it names a file (blob), not a commit");
  expect(await why("treetag")).toContain("it names a folder (tree)");
  expect(await why("x".repeat(5000))).toContain("longer than 1024 characters");
  const odd = [
    `${commit}:a.txt`,
    "main..main",
    "main@{1}",
    ":/change",
    "main^{/change}",
    "a b",
    "a\nb",
    "../x",
    "/etc",
    "./a.txt",
    "main:",
    "@",
    "^main",
    "*",
  ];
  for (const ref of odd) expect(await why(ref)).toContain("not the name of a commit");
});

test("a beginning that several objects share is said to be short", async () => {
  const [short, files] = sharedBeginning();
  origin.commit(files);
  const repo = await origin.fetched();
  expect(repo.resolve(short)).rejects.toMatchObject({ code: "unknown_commit", message: expect.stringContaining("give more digits") });
});

/** Two files whose objects begin with the same four digits. */
function sharedBeginning(): [short: string, files: Record<string, string>] {
  const seen = new Map<string, string>();
  for (let index = 0; ; index++) {
    const content = String(index);
    const short = new Bun.CryptoHasher("sha1").update(`blob ${content.length}\0${content}`).digest("hex").slice(0, 4);
    const other = seen.get(short);
    if (other !== undefined) return [short, { a: other, b: content }];
    seen.set(short, content);
  }
}

test("an empty repository is fetched, and has no commits", async () => {
  const repo = await origin.fetched();
  expect(repo.resolve("main")).rejects.toMatchObject({ code: "unknown_commit", message: expect.stringContaining("has no commits yet") });
  expect(repo.defaultBranch()).rejects.toMatchObject({ code: "unknown_commit" });
});

test("before the first fetch nothing resolves, but the default branch is known", async () => {
  const commit = origin.commit();
  origin.git("checkout", "--quiet", "-b", "trunk");
  expect(origin.repo().resolve(commit)).rejects.toMatchObject({ code: "unknown_commit" });
  expect(await origin.repo().defaultBranch()).toBe("trunk");
});

test("force-pushed and deleted branches are mirrored; what is kept stays", async () => {
  const old = origin.commit({ a: "1" });
  origin.git("branch", "gone");
  const repo = await origin.fetched();
  await repo.keep("blue", old);
  origin.git("commit", "--quiet", "--amend", "--message", "rewritten");
  const rewritten = origin.git("rev-parse", "HEAD");
  origin.git("branch", "--delete", "--force", "gone");
  origin.git("branch", "gone/deeper");
  await fetchQuietly(repo);
  expect(await repo.resolve("main")).toBe(rewritten);
  expect(await repo.resolve("gone/deeper")).toBe(rewritten);
  expect(repo.resolve("gone")).rejects.toMatchObject({ code: "unknown_commit" });
  Bun.spawnSync(["git", "gc", "--quiet", "--prune=now"], { cwd: join(origin.root, "repo.git") });
  expect(await repo.resolve(old)).toBe(old);
  await repo.keep("blue", rewritten);
  Bun.spawnSync(["git", "gc", "--quiet", "--prune=now"], { cwd: join(origin.root, "repo.git") });
  expect(repo.resolve(old)).rejects.toMatchObject({ code: "unknown_commit" });
});

test("bare and shallow remotes, file:// and paths with blanks", async () => {
  origin.commit({ a: "1" });
  const tip = origin.commit({ a: "2" });
  const bare = join(origin.root, "bare repo.git");
  const shallow = join(origin.root, "shallow");
  origin.git("clone", "--quiet", "--bare", ".", bare);
  origin.git("clone", "--quiet", "--depth", "1", `file://${origin.path}`, shallow);
  for (const [index, url] of [bare, `file://${shallow}`, `file://${encodeURI(bare)}`].entries()) {
    const repo = origin.repo(url, `mirror-${index}.git`);
    await fetchQuietly(repo);
    expect(await repo.resolve("main")).toBe(tip);
    expect(await repo.file(tip, "a", 10)).toBe("2");
  }
});

test("a repository that is not there, not one, or gone", async () => {
  const trouble = async (url: string): Promise<string> => {
    const error = await fetchQuietly(origin.repo(url)).then(
      () => undefined,
      (reason: { code: string; message: string }) => reason,
    );
    expect(error?.code).toBe("repo_unavailable");
    return error?.message ?? "";
  };
  expect(await trouble("/no/such/repo")).toBe("/no/such/repo: there is no such folder (any more)");
  expect(await trouble("/etc/passwd")).toContain("that is a file");
  expect(await trouble(origin.root)).toContain("there is no git repository there");
  origin.commit();
  const repo = await origin.fetched();
  renameSync(origin.path, `${origin.path}-gone`);
  expect(fetchQuietly(repo)).rejects.toMatchObject({ code: "repo_unavailable", facts: { repo: origin.path } });
  expect(await repo.resolve("main")).toHaveLength(40);
});

test("the subject is one plain line", async () => {
  const commit = origin.commit({}, `\u001b[31mred\u001b[0m\tand ${"long ".repeat(100)}\n\nbody`);
  const subject = await (await origin.fetched()).subject(commit);
  expect(subject).toStartWith("red and long");
  expect(subject).toHaveLength(200);
});

test("a file of a commit: its text, its absence, its size, its kind", async () => {
  const commit = origin.commit({ "orco.app.json": "{}", "big.json": "x".repeat(100), "link.json": { link: "orco.app.json" }, "dir/a": "" });
  const repo = await origin.fetched();
  expect(await repo.file(commit, "orco.app.json", 10)).toBe("{}");
  expect(await repo.file(commit, "none.json", 10)).toBeUndefined();
  expect(repo.file(commit, "big.json", 99)).rejects.toMatchObject({ code: "too_large" });
  expect(repo.file(commit, "link.json", 99)).rejects.toMatchObject({ code: "invalid" });
  expect(repo.file(commit, "dir", 99)).rejects.toMatchObject({ code: "invalid" });
});

test("a diff counts lines, binary files as one, renames as both, and heeds no attributes", async () => {
  const from = origin.commit({ "a.txt": "1\n2\n", "b.bin": new Uint8Array([0, 1, 2]), "old name": "same\n", "tool.sh": "x\n" });
  origin.git("mv", "old name", "nëw\tname");
  origin.git("update-index", "--chmod=+x", "tool.sh");
  const changes = { "a.txt": "1\n3\n4\n", "b.bin": new Uint8Array([0, 9]), "migrations/1.sql": "a\nb\n", ".gitattributes": "* -diff\n" };
  for (const [path, content] of Object.entries(changes)) {
    mkdirSync(join(origin.path, "migrations"), { recursive: true });
    writeFileSync(join(origin.path, path), content);
  }
  origin.git("add", "--", ...Object.keys(changes));
  origin.git("commit", "--quiet", "--message", "x");
  const to = origin.git("rev-parse", "HEAD");
  const repo = await origin.fetched();
  expect((await repo.diff(from, to)).files.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
    { path: ".gitattributes", lines: 1 },
    { path: "a.txt", lines: 3 },
    { path: "b.bin", lines: 1 },
    { path: "migrations/1.sql", lines: 2 },
    { path: "nëw\tname", lines: 1 },
    { path: "old name", lines: 1 },
    { path: "tool.sh", lines: 0 },
  ]);
  expect((await repo.diff(undefined, from)).files).toHaveLength(4);
  expect(await repo.diff(to, to)).toEqual({ files: [] });
});

test("fetches of one mirror take turns, whoever opened it", async () => {
  const tip = origin.commit({ a: "1" });
  const open = repoOpener({ clock: systemClock(), environment: process.env });
  const repos = Array.from({ length: 8 }, () => open({ url: origin.path, dir: join(origin.root, "repo.git") }));
  await Promise.all(repos.flatMap((repo) => [fetchQuietly(repo), fetchQuietly(repo).then(() => repo.keep("blue", tip))]));
  expect(await repos[0]?.resolve("refs/orco/blue")).toBe(tip);
});

test("what a git that was killed left behind does not stop the next one", async () => {
  origin.commit();
  const repo = await origin.fetched();
  const mirror = join(origin.root, "repo.git");
  const left = ["packed-refs.lock", "HEAD.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_x1"];
  for (const name of left) writeFileSync(join(mirror, name), "");
  const tip = origin.commit();
  await fetchQuietly(repo);
  expect(await repo.resolve("main")).toBe(tip);
  expect(left.filter((name) => existsSync(join(mirror, name)))).toEqual([]);
  mkdirSync(join(origin.root, "half.git.new"));
  await fetchQuietly(origin.repo(origin.path, "half.git"));
  expect(readdirSync(origin.root).filter((name) => name.endsWith(".new"))).toEqual([]);
});

test("a mirror whose files lost their bytes with the power comes back", async () => {
  const kept = origin.commit();
  const repo = await origin.fetched();
  await repo.keep("blue", kept);
  for (const name of ["HEAD", "refs/heads/main"]) writeFileSync(join(origin.root, "repo.git", name), "");
  const tip = origin.commit({}, "later");
  await fetchQuietly(repo);
  expect([await repo.resolve("main"), await repo.resolve("refs/orco/blue")]).toEqual([tip, kept]);
});

test("a diff with a commit that is gone says so", async () => {
  const repo = await origin.fetched();
  origin.commit();
  const gone = "0123456789012345678901234567890123456789";
  expect(repo.diff(gone, gone)).rejects.toMatchObject({ code: "unknown_commit", facts: { ref: gone } });
});

test("an abort ends a fetch, also one that waits its turn", async () => {
  origin.commit();
  const repo = origin.repo();
  const abort = new AbortController();
  const fetches = [0, 1].map(() => repo.fetch({ signal: abort.signal, progress: () => undefined }));
  abort.abort();
  const cancelled = { status: "rejected" as const, reason: expect.objectContaining({ code: "cancelled" }) as unknown };
  expect(await Promise.allSettled(fetches)).toEqual([cancelled, cancelled]);
  await fetchQuietly(repo);
});
