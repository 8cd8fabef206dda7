import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunDetail } from "../../src/repair/view.ts";
import { keptIn } from "../kept.ts";
import { startHostingApi } from "../programs/hosting-api.ts";
import { diffOfChanges } from "../../src/repair/patch/diff.ts";
import { contract } from "./repair-contract.ts";

setDefaultTimeout(90_000);
const TOKEN = "ghp_canaryCanaryCanary0123456789";
const POLICY = `services:
  api: {settle: 200ms, pr: {remote: origin, repo: me/shop}}
  web: {settle: 200ms, pr: {remote: origin, repo: me/shop}}
`;
const looks: string[] = [];
const hosting = startHostingApi((title) => {
  looks.push(commands());
  if (title?.includes("web") === true) return new Response(`no, ${TOKEN}`, { status: 500 });
  return Response.json({ html_url: "https://hosting.example/pull/7" }, { status: 201 });
});
const found = await contract({ ORCO_GITHUB_API: hosting.url, GITHUB_TOKEN: TOKEN });

afterAll(async () => {
  await found?.close();
  hosting[Symbol.dispose]();
});

describe.skipIf(!found)("a repair of a service with pr", () => {
  const c = found as NonNullable<typeof found>;
  const bare = join(c?.rig.dir ?? "", "bare.git");
  const seen: { before?: unknown; api?: RunDetail; web?: RunDetail } = {};

  beforeAll(async () => {
    mkdirSync(bare);
    c.project({ api: {}, web: {} }, POLICY);
    await c.rig.commit();
    await c.rig.git("init", "--quiet", "--bare", bare);
    await c.rig.git("remote", "add", "origin", bare);
    writeFileSync(join(bare, "hooks/pre-receive"), `#!/bin/sh\ncat /proc/[0-9]*/cmdline >> ${bare}/commands 2>/dev/null; exit 0\n`, {
      mode: 0o755,
    });
    c.rig.write("mine.txt", "staged\n");
    await c.rig.git("add", "mine.txt");
    c.rig.write("mine.txt", "not staged\n");
    await c.rig.begin();
    seen.before = await own();
    // Once, so that what it is held to is read before two ask at the same time.
    await c.ask("/orchestrator/runs");
    [seen.api, seen.web] = await Promise.all([repaired("api"), repaired("web")]);
  });

  async function repaired(service: string): Promise<RunDetail> {
    const path = `${service}/Dockerfile`;
    const before = c.rig.read(path);
    const after = before.replace("RUN chmod", "RUN sed -i 's/\\r$//' /start.sh\nRUN chmod");
    const names = ["build", "restart", "verify"].map((name) => ({ name, parameters: {} }));
    return c.through(service, {
      plan: { steps: [{ name: "patch", parameters: { diff: diffOfChanges([{ path, before, after }]) } }, ...names] },
    });
  }

  /** What is the operator's alone. */
  async function own(): Promise<unknown> {
    const index = createHash("sha256")
      .update(readFileSync(join(c.rig.workspace, ".git/index")))
      .digest("hex");
    const head = readFileSync(join(c.rig.workspace, ".git/HEAD"), "utf8");
    return { index, head, commit: await c.rig.git("rev-parse", "HEAD"), mine: c.rig.read("mine.txt") };
  }

  async function isOnBranch({ run_id: id, published }: RunDetail, service: string): Promise<void> {
    const { branch = "", commit = "" } = published ?? {};
    expect(branch).toBe(`orco/repair-${id}`);
    for (const git of [[], ["--git-dir", bare]]) expect((await c.rig.git(...git, "rev-parse", branch)).trim()).toBe(commit);
    expect(await c.rig.git("rev-parse", `${commit}^`)).toBe(await c.rig.git("rev-parse", "HEAD"));
    expect(await c.rig.git("diff-tree", "-r", "--no-commit-id", "--name-status", commit)).toBe(`M\t${service}/Dockerfile\n`);
    expect(await c.rig.git("show", `${commit}:${service}/Dockerfile`)).toBe(c.rig.read(`${service}/Dockerfile`));
    const diff = await c.rig.git("diff", "--no-ext-diff", "HEAD", commit);
    expect(diff.replace(/^index .*\n/m, "")).toBe(await c.artifact(id, "patch.diff"));
  }

  test("is a commit on a branch of its own, pushed, with a pull request; what is the operator's stays", async () => {
    const detail = seen.api as RunDetail;
    expect(detail).toMatchObject({ status: "succeeded", published: { pull_request: "https://hosting.example/pull/7" } });
    await isOnBranch(detail, "api");
    expect(await own()).toEqual(seen.before);
    expect(await c.rig.git("status", "--porcelain")).toBe(" M api/Dockerfile\nAM mine.txt\n M web/Dockerfile\n");
    expect(hosting.asked.filter(({ body }) => (body as { head: string }).head === detail.published?.branch)).toEqual([
      {
        method: "POST",
        path: "/repos/me/shop/pulls",
        authorization: `Bearer ${TOKEN}`,
        body: {
          title: expect.stringContaining("repair api"),
          body: expect.any(String),
          head: detail.published?.branch,
          base: expect.any(String),
        },
      },
    ] as never);
    expect(await c.artifact(detail.run_id, "publish.log")).toContain("opened https://hosting.example/pull/7");
  });

  test("stays repaired where the hosting API fails, and says so", async () => {
    const detail = seen.web as RunDetail;
    expect(detail).toMatchObject({ status: "succeeded", error: null, published: { pull_request: null } });
    await isOnBranch(detail, "web");
    expect(detail.artifacts.map(({ name }) => name)).toContain("publish.log");
    const verify = detail.steps.find(({ name }) => name === "verify");
    expect(verify).toMatchObject({ status: "succeeded", artifact_refs: ["verify.log", "publish.log"] });
    expect(verify?.message).toContain("not published: the hosting API did not open a pull request: it answered 500");
    const log = await c.artifact(detail.run_id, "publish.log");
    expect(log).toContain("pushed orco/repair-");
    expect(log).toContain("not published: the hosting API did not open a pull request: it answered 500");
    expect((await c.rig.container("web"))?.State.Status).toBe("running");
  });

  test("leaves the token nowhere, and shows it to nobody who looks at processes", () => {
    const all = [...looks, readFileSync(join(bare, "commands"), "latin1")].join("\n");
    expect(all).toContain("push\0--porcelain");
    expect(all).not.toContain(TOKEN);
    expect(hosting.asked.map(({ authorization }) => authorization)).toEqual([`Bearer ${TOKEN}`, `Bearer ${TOKEN}`]);
    const files = keptIn(c.rig.dir);
    expect(files.some(({ path }) => path.endsWith("/orco.db"))).toBe(true);
    expect(files.flatMap(({ path, text }) => (text.includes(TOKEN) ? [path] : []))).toEqual([]);
  });
});

/** The command lines of all processes, just now. */
function commands(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .join("\n");
}
