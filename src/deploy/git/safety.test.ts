import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import { allPids, commandOf } from "../../supervise/proc.ts";
import { fetchQuietly, Origin } from "./origin.suite.ts";
import { repoOpener } from "./repo.ts";

const SECRET = "canary-5f2b";
const { signal } = new AbortController();
let origin: Origin;
const servers: Bun.Server<undefined>[] = [];

beforeEach(() => {
  origin = new Origin();
});

afterEach(() => {
  for (const server of servers.splice(0)) void server.stop(true);
  origin.remove();
});

/** The repository over HTTP as plain files (the "dumb" protocol), for those who know the password. */
function serveOrigin(seen: { authorization: string[]; onAsked?: () => void }): number {
  origin.git("update-server-info");
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      seen.onAsked?.();
      const authorization = request.headers.get("authorization");
      if (authorization !== `Basic ${btoa(`me:${SECRET}`)}`)
        return new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="git"' } });
      seen.authorization.push(authorization);
      const file = join(origin.path, ".git", new URL(request.url).pathname.replace(/^\/app\.git/, ""));
      return existsSync(file) && statSync(file).isFile() ? new Response(Bun.file(file)) : new Response(null, { status: 404 });
    },
  });
  servers.push(server);
  return server.port ?? 0;
}

function holdsSecret(dir: string): string[] {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => join(entry.parentPath, entry.name)).filter((file) => readFileSync(file, "latin1").includes(SECRET));
}

test("credentials of a URL reach the server, and no argument, file or message", async () => {
  const commit = origin.commit({ a: "1" });
  const inArguments: string[] = [];
  const look = (): void =>
    void inArguments.push(
      ...allPids()
        .map(commandOf)
        .filter((line) => line.includes(SECRET)),
    );
  const seen = { authorization: [] as string[], onAsked: look };
  const port = serveOrigin(seen);
  const repo = origin.repo(`http://me:${SECRET}@127.0.0.1:${port}/app.git`);
  const lines: string[] = [];
  await repo.fetch({ signal, progress: (line) => lines.push(line) });
  expect(await repo.resolve("main")).toBe(commit);
  expect(seen.authorization.length).toBeGreaterThan(0);
  expect(inArguments).toEqual([]);
  expect(holdsSecret(join(origin.root, "repo.git"))).toEqual([]);
  expect([repo.shown, lines.join("\n")].join("\n")).not.toContain(SECRET);
});

test("wrong credentials and a server that is gone are told apart, without repeating secrets", async () => {
  origin.commit();
  const port = serveOrigin({ authorization: [] });
  const trouble = (url: string): Promise<unknown> =>
    fetchQuietly(origin.repo(url)).then(
      () => undefined,
      (error: unknown) => error,
    );
  const wrong = await trouble(`http://me:${SECRET}-wrong@127.0.0.1:${port}/app.git`);
  expect(wrong).toMatchObject({
    code: "repo_unavailable",
    message: expect.stringContaining("it wants credentials, or refuses those given"),
  });
  const none = await trouble(`http://127.0.0.1:${port}/app.git`);
  expect(none).toMatchObject({ code: "repo_unavailable", message: expect.stringContaining("it wants credentials") });
  await servers.pop()?.stop(true);
  const gone = await trouble(`http://me:${SECRET}@127.0.0.1:${port}/app.git`);
  expect(gone).toMatchObject({ code: "repo_unavailable", message: `http://127.0.0.1:${port}/app.git: nobody answers there` });
  for (const error of [wrong, none, gone]) expect(JSON.stringify([String(error), error])).not.toContain(SECRET);
});

test("a redirect from http is not followed", async () => {
  const asked: string[] = [];
  const server: Bun.Server<undefined> = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request): Response {
      asked.push(new URL(request.url).pathname);
      return new Response(null, {
        status: 302,
        headers: { location: `http://127.0.0.1:${server.port}/elsewhere/info/refs?service=git-upload-pack` },
      });
    },
  });
  servers.push(server);
  expect(fetchQuietly(origin.repo(`http://127.0.0.1:${server.port}/app.git`))).rejects.toMatchObject({ code: "repo_unavailable" });
  expect(asked.filter((path) => path.startsWith("/elsewhere"))).toEqual([]);
});

test("a server that hangs is left when the deploy is cancelled", async () => {
  const abort = new AbortController();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      abort.abort();
      return new Promise<Response>(() => undefined);
    },
  });
  servers.push(server);
  const fetching = origin.repo(`http://127.0.0.1:${server.port}/app.git`).fetch({ signal: abort.signal, progress: () => undefined });
  expect(await fetching.catch((error: { code: string }) => error.code)).toBe("cancelled");
});

test("nothing that a machine, a user or a repository configures is run", async () => {
  const pwned = join(origin.root, "pwned");
  const script = join(origin.root, "script");
  writeFileSync(script, `#!/bin/sh\ntouch ${pwned}\ncat\n`);
  chmodSync(script, 0o755);
  const commit = origin.commit({
    ".gitattributes": "* filter=evil diff=evil\n",
    "a.txt": "1\n",
    "hooks/post-checkout": { run: `#!/bin/sh\ntouch ${pwned}\n` },
  });
  const config = `[core]\nfsmonitor=${script}\nhooksPath=${origin.path}/hooks\n[filter "evil"]\nsmudge=${script}\nprocess=${script}\n[diff "evil"]\ncommand=${script}\ntextconv=${script}\n[uploadpack]\npackObjectsHook=${script}\n[credential]\nhelper=${script}\n[protocol "ext"]\nallow=always\n`;
  writeFileSync(join(origin.root, ".gitconfig"), config);
  writeFileSync(join(origin.path, ".git/config"), config, { flag: "a" });
  for (const hook of ["post-checkout", "reference-transaction", "post-update", "pre-auto-gc"]) {
    mkdirSync(join(origin.path, ".git/hooks"), { recursive: true });
    writeFileSync(join(origin.path, ".git/hooks", hook), `#!/bin/sh\ntouch ${pwned}\n`, { mode: 0o755 });
  }
  const environment = {
    ...process.env,
    HOME: origin.root,
    XDG_CONFIG_HOME: origin.root,
    GIT_CONFIG_GLOBAL: join(origin.root, ".gitconfig"),
    GIT_CONFIG_PARAMETERS: "'core.fsmonitor'='touch pwned'",
    GIT_SSH_COMMAND: script,
    GIT_EXTERNAL_DIFF: script,
    GIT_PROXY_COMMAND: script,
    GIT_EXEC_PATH: origin.root,
    GIT_TRACE: pwned,
    LD_PRELOAD: pwned,
  };
  const repo = repoOpener({ clock: systemClock(), environment })({ url: origin.path, dir: join(origin.root, "repo.git") });
  await fetchQuietly(repo);
  expect(await repo.resolve("main")).toBe(commit);
  await repo.keep("blue", commit);
  expect((await repo.diff(undefined, commit)).files).toHaveLength(3);
  await repo.checkout(commit, origin.slot(), signal);
  expect(readFileSync(join(origin.slot(), "a.txt"), "utf8")).toBe("1\n");
  expect(existsSync(pwned)).toBe(false);
});

test("a repository of another user is served to root", async () => {
  if (process.getuid?.() !== 0) return;
  const commit = origin.commit({ a: "1" });
  Bun.spawnSync(["chown", "-R", "65534:65534", origin.path]);
  const repo = await origin.fetched();
  expect(await repo.resolve("main")).toBe(commit);
  expect(await repo.defaultBranch()).toBe("main");
});

test("a transport that runs commands is refused before git hears of it", () => {
  const pwned = join(origin.root, "pwned");
  expect(() => origin.repo(`ext::sh -c touch% ${pwned}`)).toThrow(expect.objectContaining({ code: "invalid" }));
  expect(() => origin.repo(`ext::sh%20-c%20touch%20${pwned}`)).toThrow("transport helper");
  expect(existsSync(pwned)).toBe(false);
});

test("a remote that names ext:: in its own alternates or submodules changes nothing", async () => {
  const pwned = join(origin.root, "pwned");
  const commit = origin.commit({ ".gitmodules": `[submodule "x"]\npath = x\nurl = ext::sh -c "touch ${pwned}"\n`, a: "1" });
  const repo = await origin.fetched();
  await repo.checkout(commit, origin.slot(), signal);
  expect(existsSync(pwned)).toBe(false);
});

test("progress comes now and then, for a repository that takes its time", async () => {
  // Random bytes: they neither compress nor arrive at once.
  const files = Array.from({ length: 60 }, (_, index) => [`f${index}`, randomBytes(60_000)] as const);
  origin.commit(Object.fromEntries(files));
  const lines: string[] = [];
  // Each look at the clock finds it two seconds on: this fetch takes its time.
  let now = 0;
  const clock = { ...systemClock(), monotonic: () => (now += 2000) };
  const repo = repoOpener({ clock, environment: process.env })({ url: origin.path, dir: join(origin.root, "slow.git") });
  await repo.fetch({ signal, progress: (line) => lines.push(line) });
  expect(lines.at(-1)).toMatch(/^(receiving objects|resolving deltas): 100 %/);
  expect(lines.every((line) => /^[a-z ]+: \d{1,3} %(, [\d.]+ [KMG]iB)?$/.test(line))).toBe(true);
});

const small = mkdtempSync(join(tmpdir(), "orco-git-full-"));
const mounted = process.getuid?.() === 0 && Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]).exitCode === 0;
afterAll(() => {
  if (mounted) Bun.spawnSync(["umount", small]);
  rmSync(small, { recursive: true, force: true });
});

test.skipIf(!mounted)("a full disk is named, in the mirror and in a slot, and leaves nothing half", async () => {
  // Random bytes: git leaves holes where there are zeros.
  const commit = origin.commit({ big: randomBytes(3_000_000) });
  const repo = await origin.fetched();
  expect(repo.checkout(commit, join(small, "blue"), signal)).rejects.toMatchObject({ code: "disk_full" });
  expect(readdirSync(small)).toEqual([]);
  const mirror = repoOpener({ clock: systemClock(), environment: process.env })({ url: origin.path, dir: join(small, "repo.git") });
  const failed = await fetchQuietly(mirror).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: "disk_full" });
  // Room again, for who has to write down what happened.
  expect(readdirSync(join(small, "repo.git/objects/pack"))).toEqual([]);
});
