import { afterEach, beforeEach, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startHostingApi } from "../../../test/programs/hosting-api.ts";
import { ActionPlan } from "../plan.ts";
import { sha256Of } from "./place.ts";
import { type Publication, publish } from "./publish.ts";

const TOKEN = "ghp_canaryCanaryCanary0123";
let root: string;
let workspace: string;
let lines: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orco-publish-"));
  workspace = join(root, "repo/project");
  lines = [];
  mkdirSync(join(workspace, "api"), { recursive: true });
  mkdirSync(join(root, "bare.git"));
  git(["init", "--quiet", "--bare"], join(root, "bare.git"));
  git(["init", "--quiet", "--initial-branch=trunk", ".."]);
  git(["remote", "add", "origin", join(root, "bare.git")]);
  writeFileSync(join(workspace, "api/Dockerfile"), "FROM a\n");
  writeFileSync(join(workspace, "gone"), "1\n");
  writeFileSync(join(root, "repo/mine"), "1\n");
  git(["add", "--all", ".."]);
  git(["commit", "--quiet", "--message", "x"]);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function git(args: string[], cwd = workspace): string {
  const who = { GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@b", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@b" };
  const ran = Bun.spawnSync(["git", "-c", "safe.directory=*", ...args], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: root, ...who },
  });
  if (!ran.success) throw new Error(`git ${args.join(" ")}: ${ran.stderr.toString()}`);
  return ran.stdout.toString().trim();
}

/** The repair is applied already; something of the operator's is staged, something is not. */
function repaired(more: Partial<Publication> = {}): Publication {
  writeFileSync(join(workspace, "api/Dockerfile"), "FROM b\r\n");
  writeFileSync(join(workspace, "api/run.sh"), "#!/bin/sh", { mode: 0o755 });
  rmSync(join(workspace, "gone"), { force: true });
  writeFileSync(join(root, "repo/mine"), "2\n");
  git(["add", "../mine"]);
  writeFileSync(join(root, "repo/mine"), "3\n");
  const hash = (text: string) => sha256Of(text);
  const plan = ActionPlan.parse({
    plan_id: "p",
    generated_at: "2026-01-01T00:00:00Z",
    generated_by: "rules",
    target: { service: "api", compose_file: null, project: "p", workspace, base_commit: git(["rev-parse", "HEAD"]) },
    files: [
      { path: "api/Dockerfile", pre_sha256: hash("FROM a\n"), post_sha256: hash("FROM b\r\n") },
      { path: "api/run.sh", pre_sha256: null, post_sha256: hash("#!/bin/sh") },
      { path: "gone", pre_sha256: hash("1\n"), post_sha256: null },
    ],
    steps: [{ name: "build", parameters: {} }],
  });
  const { signal } = new AbortController();
  return {
    workspace,
    run: "0199-a",
    plan,
    subject: "repair api",
    body: "because -x\n.",
    api: "http://127.0.0.1:1",
    signal,
    onLine: (line) => lines.push(line),
    ...more,
  };
}

test("a repair is a commit on a branch of its own; tree, index and HEAD stay as they are", async () => {
  const work = repaired();
  const before = [git(["status", "--porcelain"]), git(["symbolic-ref", "HEAD"]), sha256Of(readFileSync(join(root, "repo/.git/index")))];
  const base = git(["rev-parse", "HEAD"]);
  const { branch, commit, pullRequest } = await publish(work);
  expect([branch, pullRequest]).toEqual(["orco/repair-0199-a", undefined]);
  expect(git(["rev-parse", branch])).toBe(commit);
  expect(git(["log", "-1", "--format=%P %an <%ae> %B", commit])).toBe(`${base} orco <orco@localhost> repair api\n\nbecause -x\n.`);
  expect(git(["diff-tree", "-r", "--no-commit-id", "--name-status", commit])).toBe(
    "M\tproject/api/Dockerfile\nA\tproject/api/run.sh\nD\tproject/gone",
  );
  expect(git(["ls-tree", "-r", commit, "api/run.sh"])).toStartWith("100755");
  expect(Bun.spawnSync(["git", "show", `${commit}:./api/Dockerfile`], { cwd: workspace }).stdout.toString()).toBe("FROM b\r\n");
  expect([git(["status", "--porcelain"]), git(["symbolic-ref", "HEAD"]), sha256Of(readFileSync(join(root, "repo/.git/index")))]).toEqual(
    before,
  );
  expect((await publish(work)).commit).toBe(commit);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("orco-index-"))).toEqual([]);
});

test("it is pushed, and a pull request opened; once more finds both", async () => {
  using api = startHostingApi();
  const work = repaired({ pr: { remote: "origin", repo: "me/shop" }, token: TOKEN, api: api.url });
  const { branch, commit, pullRequest } = await publish(work);
  expect(pullRequest).toBe("https://hosting.example/pull/1");
  expect(git(["rev-parse", branch], join(root, "bare.git"))).toBe(commit);
  expect(git(["for-each-ref", "--format=%(refname)"], join(root, "bare.git"))).toBe(`refs/heads/${branch}`);
  expect(api.asked).toEqual([
    {
      method: "POST",
      path: "/repos/me/shop/pulls",
      authorization: `Bearer ${TOKEN}`,
      body: { title: "repair api", body: "because -x\n.", head: branch, base: "trunk" },
    },
  ]);
  expect(await publish(work)).toEqual({ branch, commit, pullRequest: "https://hosting.example/pull/1" });
  expect(api.asked.at(-1)?.path).toBe("/repos/me/shop/pulls?state=open&head=me%3Aorco%2Frepair-0199-a");
});

test("what fails leaves the branch, and tells no token", async () => {
  const pr = { remote: "origin", repo: "me/shop", base: "trunk" };
  for (const answer of [
    (): Response => new Response(`no ${TOKEN}`, { status: 500 }),
    () => Response.json({ message: `bad ${TOKEN}` }, { status: 401 }),
    () => new Response("x".repeat(2_000_000), { status: 201 }),
    () => Response.redirect("http://127.0.0.1:1/"),
    () => Response.json({ html_url: "javascript:1" }, { status: 201 }),
  ]) {
    using api = startHostingApi(answer);
    const error = await publish(repaired({ pr, token: TOKEN, api: api.url })).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "unavailable" });
    expect(api.asked).toHaveLength(1);
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain(TOKEN);
  }
  expect(await publish(repaired({ pr, token: TOKEN })).catch((error: unknown) => error)).toMatchObject({ code: "unavailable" });
  expect(git(["rev-parse", "--verify", "orco/repair-0199-a"])).not.toBe("");
  expect(lines.join("\n")).not.toContain(TOKEN);
});

test("the token is given to the remote's own server, and to no process by its arguments", async () => {
  const seen: (string | null)[] = [];
  const commands: string[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      seen.push(request.headers.get("authorization"));
      for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
        try {
          commands.push(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
        } catch {
          // It has ended.
        }
      return new Response("", { status: 401, headers: { "www-authenticate": "Basic realm=x" } });
    },
  });
  git(["remote", "set-url", "origin", `http://127.0.0.1:${server.port}/me/shop.git`]);
  const error = await publish(repaired({ pr: { remote: "origin" }, token: TOKEN })).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "repo_unavailable" });
  expect(seen).toContain(`Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString("base64")}`);
  expect(commands.some((one) => one.includes("git-remote-http") || one.includes("remote-http"))).toBe(true);
  expect(commands.join("\n")).not.toContain(TOKEN);
  expect(`${lines.join("\n")} ${String(error)}`).not.toContain(TOKEN);
}, 60_000);

test("remotes that run programs, are not encrypted or tell a password are refused", async () => {
  const trap = join(root, "trap");
  for (const url of [
    `ext::sh -c touch% ${trap}`,
    "http://example.org/a/b",
    `https://me:${TOKEN}@example.org/a/b`,
    "git://example.org/a",
    "--upload-pack=x",
  ]) {
    git(["config", "remote.origin.url", url]);
    const error = await publish(repaired({ pr: { remote: "origin" } })).catch((error: unknown) => error);
    expect([url, error]).toEqual([url, expect.objectContaining({ code: "invalid" })]);
    expect(String(error)).not.toContain(TOKEN);
  }
  expect(await publish(repaired({ pr: { remote: "--exec=x" } })).catch((error: unknown) => error)).toMatchObject({ code: "invalid" });
  expect(existsSync(trap)).toBe(false);
});

test("nothing that the repository names is run", async () => {
  const trap = join(root, "trap");
  mkdirSync(join(root, "hooks"));
  for (const hook of ["pre-push", "reference-transaction", "post-index-change"])
    writeFileSync(join(root, "hooks", hook), `#!/bin/sh\ntouch ${trap}\n`, { mode: 0o755 });
  for (const [name, value] of [
    ["core.hooksPath", join(root, "hooks")],
    ["core.fsmonitor", `touch ${trap}`],
    ["filter.x.clean", `touch ${trap}`],
    ["remote.origin.receivepack", `touch ${trap};`],
    ["commit.gpgSign", "true"],
    ["gpg.program", `touch ${trap}`],
  ] as const)
    git(["config", name, value]);
  const work = repaired({ pr: { remote: "origin" } });
  rmSync(trap, { force: true });
  await publish(work);
  expect(existsSync(trap)).toBe(false);
  expect(lines.at(-1)).toContain("GITHUB_TOKEN");
});

test("a file that was edited since, a branch that holds something else, and a folder without git are refused", async () => {
  const work = repaired();
  writeFileSync(join(workspace, "api/Dockerfile"), "FROM mine\n");
  expect(await publish(work).catch((error: unknown) => error)).toMatchObject({ code: "plan_outdated" });
  git(["branch", "orco/repair-0199-a"]);
  expect(await publish(repaired()).catch((error: unknown) => error)).toMatchObject({ code: "conflict" });
  const { plan } = work;
  expect(
    await publish({ ...work, plan: { ...plan, target: { ...plan.target, base_commit: null } } }).catch((error: unknown) => error),
  ).toMatchObject({ code: "repo_unavailable" });
});

test.skipIf(process.getuid?.() !== 0)("root leaves nothing of its own in another's repository", async () => {
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) chownSync(join(root, name), 1234, 1234);
  chownSync(root, 1234, 1234);
  const work = repaired();
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) chownSync(join(root, name), 1234, 1234);
  await publish(work);
  const owners = readdirSync(join(root, "repo/.git"), { recursive: true, encoding: "utf8" }).map(
    (name) => statSync(join(root, "repo/.git", name)).uid,
  );
  expect(new Set(owners)).toEqual(new Set([1234]));
});
