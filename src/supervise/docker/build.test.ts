import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { dockerHere } from "../../../test/docker/engine.ts";
import { processorTime } from "../../../test/processor-time.ts";
import { until } from "../../../test/until.ts";
import { systemClock } from "../../kernel/clock.ts";
import { allPids, commandOf } from "../proc.ts";
import { buildDigest, ContextChanged, contextTar } from "./build-context.ts";
import { openContext } from "./context-files.ts";
import { Engine } from "./engine.ts";
import type { ImageInfo } from "./images.ts";
import { Images } from "./provide.ts";

const docker = (await dockerHere()) ?? new Engine("unix:///nowhere/docker.sock");
const here = docker.host !== "unix:///nowhere/docker.sock";
const podman = here && (await docker.isPodman());
const root = mkdtempSync(join(tmpdir(), "orco-build-"));
const made: string[] = [];
const images = new Images({ engine: docker, clock: systemClock(), env: { HOME: root, PATH: process.env["PATH"] } });

afterAll(async () => {
  rmSync(root, { recursive: true });
  for (const name of made)
    await docker.call("DELETE", `/images/${encodeURIComponent(name)}`, { query: { force: true } }).catch(() => undefined);
});

function contextOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(root, "context-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

function nameOf(): string {
  const name = `orco-test-${crypto.randomUUID()}:1`;
  made.push(name);
  return name;
}

/** Podman puts a registry in front. */
function isTagged({ RepoTags }: ImageInfo, image: string): boolean {
  return RepoTags?.some((tag) => tag === image || tag.endsWith(`/${image}`)) ?? false;
}

async function build(
  context: string,
  more: { dockerfile?: string; args?: Record<string, string>; target?: string; signal?: AbortSignal } = {},
) {
  const { signal, ...rest } = more;
  const notes: string[] = [];
  const progress: string[] = [];
  const image = nameOf();
  const wanted = {
    image,
    pull: "missing" as const,
    service: "api",
    build: { context, ...rest, digest: await buildDigest({ context, ...rest }) },
  };
  const { id, info } = await images.provide(wanted, {
    note: (_, message) => notes.push(message),
    progress: (message) => progress.push(message),
    ...(signal && { signal }),
  });
  return { id, info, notes, progress, image };
}

async function tarListing(context: string, dockerfile?: string): Promise<string[]> {
  const build = { context, ...(dockerfile !== undefined && { dockerfile }) };
  const bytes: Uint8Array[] = [];
  for await (const chunk of contextTar(build, { context: await openContext(build), digest: await buildDigest(build) })) bytes.push(chunk);
  const out = Bun.spawnSync(["tar", "-tvf", "-"], { stdin: Buffer.concat(bytes) });
  expect(out.stderr.toString()).toBe("");
  return out.stdout.toString().trim().split("\n");
}

describe("the digest of a context", () => {
  const files = { Dockerfile: "FROM busybox:local\n", "src/a.txt": "a", "src/b.txt": "b" };

  test("is of names, modes and bytes, not of places and times", async () => {
    const [one, two] = [contextOf(files), contextOf(files)];
    utimesSync(join(two, "src/a.txt"), 1, 1);
    const digest = await buildDigest({ context: one });
    expect(await buildDigest({ context: two })).toBe(digest);
    chmodSync(join(two, "src/a.txt"), 0o755);
    expect(await buildDigest({ context: two })).not.toBe(digest);
    writeFileSync(join(one, "src/b.txt"), "B");
    expect(await buildDigest({ context: one })).not.toBe(digest);
  });

  test("is of arguments, target and Dockerfile too", async () => {
    const context = contextOf({ ...files, "Other.Dockerfile": "FROM scratch\n" });
    const all = [{}, { args: { A: "1" } }, { args: { A: "2" } }, { target: "x" }, { dockerfile: "Other.Dockerfile" }];
    const digests = await Promise.all(all.map((more) => buildDigest({ context, ...more })));
    expect(new Set(digests).size).toBe(all.length);
    expect(await buildDigest({ context, args: { A: "1", B: "2" } })).toBe(await buildDigest({ context, args: { B: "2", A: "1" } }));
  });

  test("leaves out what .dockerignore does, and takes links as links", async () => {
    const context = contextOf({ ...files, ".dockerignore": "node_modules\n", "node_modules/x/index.js": "1" });
    symlinkSync("/no/such/place", join(context, "link"));
    const digest = await buildDigest({ context });
    writeFileSync(join(context, "node_modules/x/index.js"), "2");
    expect(await buildDigest({ context })).toBe(digest);
    rmSync(join(context, "link"));
    symlinkSync("/no/other/place", join(context, "link"));
    expect(await buildDigest({ context })).not.toBe(digest);
  });

  test("says what is not there", async () => {
    const context = contextOf({ a: "1" });
    expect(buildDigest({ context: "/no/such/folder" })).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("/no/such/folder"),
    });
    expect(buildDigest({ context })).rejects.toMatchObject({ code: "invalid", message: expect.stringContaining(`${context}/Dockerfile`) });
    expect(buildDigest({ context, dockerfile: "x/y" })).rejects.toMatchObject({ message: expect.stringContaining(`${context}/x/y`) });
  });

  test("is made while files come and go", async () => {
    const context = contextOf({ Dockerfile: "FROM scratch\n" });
    const over = new AbortController();
    const churning = (async () => {
      for (let at = 0; !over.signal.aborted; at++) {
        mkdirSync(join(context, `folder-${at}`));
        for (let file = 0; file < 20; file++) writeFileSync(join(context, `folder-${at}/${file}`), "x");
        await new Promise((resolve) => setImmediate(resolve));
        rmSync(join(context, `folder-${at}`), { recursive: true });
      }
    })();
    for (let round = 0; round < 30; round++) expect(await buildDigest({ context })).toMatch(/^[0-9a-f]{64}$/);
    over.abort();
    await churning;
  });

  test("of 5,000 files is there in a second", async () => {
    const context = contextOf({ Dockerfile: "FROM scratch\n" });
    for (let at = 0; at < 50; at++) mkdirSync(join(context, `folder-${at}`));
    for (let at = 0; at < 5000; at++) writeFileSync(join(context, `folder-${at % 50}/file-${at}`), "x".repeat(at));
    const spent = processorTime();
    await buildDigest({ context });
    expect(spent()).toBeLessThan(2000);
  });
});

describe("the tar of a context", () => {
  test("holds what tar reads: long names, links, modes, a Dockerfile from elsewhere", async () => {
    const long = `${"folder/".repeat(30)}${"ü".repeat(80)}.txt`;
    const context = contextOf({
      [long]: "x".repeat(1000),
      "run.sh": "#!/bin/sh\n",
      empty: "",
      "out.log": "",
      ".dockerignore": "*.log\nrun.sh\n!run.sh\n",
    });
    chmodSync(join(context, "run.sh"), 0o755);
    symlinkSync("../".repeat(50), join(context, "link"));
    const elsewhere = contextOf({ "My.Dockerfile": "FROM scratch\n" });
    const rows = await tarListing(context, join(elsewhere, "My.Dockerfile"));
    const names = rows.map((row) => row.replace(/^.*\d\d:\d\d /, ""));
    expect(names.filter((name) => !name.startsWith("folder/"))).toEqual([
      ".dockerignore",
      "empty",
      `link -> ${readlinkSync(join(context, "link"))}`,
      "run.sh",
      ".dockerfile.orco",
    ]);
    expect(rows.find((row) => row.endsWith("run.sh"))).toStartWith("-rwxr-xr-x");
    expect(rows.filter((row) => row.includes(".txt"))).toHaveLength(1);
  });

  test("has no end when a file has changed since", async () => {
    const context = contextOf({ Dockerfile: "FROM scratch\n", a: "1" });
    const digest = await buildDigest({ context });
    writeFileSync(join(context, "a"), "2");
    const read = async (): Promise<void> => {
      for await (const _ of contextTar({ context }, { context: await openContext({ context }), digest }));
    };
    expect(read()).rejects.toBeInstanceOf(ContextChanged);
  });
});

describe.skipIf(!here)("a build", () => {
  beforeAll(() => void chmodSync(root, 0o755));

  test("is told line by line, makes the image with its name, and is not done again for the same context", async () => {
    const own = crypto.randomUUID();
    const context = contextOf({
      Dockerfile: `FROM busybox:local AS first\nARG WHO\nCOPY . /app\nRUN echo "for $WHO ${own}" && ls /app\nFROM first AS second\nRUN false\n`,
      "hello.txt": "hello",
      "left.log": "",
      ".dockerignore": "*.log",
    });
    const more = { args: { WHO: "me" }, target: "first" };
    const one = await build(context, more);
    expect(one.notes).toContain(`for me ${own}`);
    expect(one.notes).toContain("hello.txt");
    expect(one.notes).not.toContain("left.log");
    // The label is a step of its own, for docker.
    expect(one.progress.at(-1)).toBe(`building api (step ${podman ? "4/4" : "5/5"})`);
    expect(isTagged(one.info, one.image)).toBe(true);
    const two = await build(context, more);
    expect(two.id).toBe(one.id);
    expect(two.notes).toEqual([]);
    expect(isTagged(two.info, two.image)).toBe(true);
    writeFileSync(join(context, "hello.txt"), "bye");
    expect((await build(context, more)).id).not.toBe(one.id);
  });

  test("that was applied is started again as it was, whatever has become of its files", async () => {
    const context = contextOf({ Dockerfile: `FROM busybox:local\nCOPY a /${crypto.randomUUID()}\n`, a: "1" });
    const image = nameOf();
    const applied = { image, pull: "missing" as const, build: { context, digest: await buildDigest({ context }) } };
    const { id } = await images.provide(applied);
    writeFileSync(join(context, "a"), "2");
    const other = await images.provide({ ...applied, build: { context, digest: await buildDigest({ context }) } });
    expect(other.id).not.toBe(id);
    // As a rollback does, or a restart after somebody has begun to write.
    const notes: string[] = [];
    expect((await images.provide(applied, { note: (_, message) => notes.push(message) })).id).toBe(id);
    rmSync(context, { recursive: true });
    expect(isTagged((await images.provide(applied, { note: (_, message) => notes.push(message) })).info, image)).toBe(true);
    expect(notes).toEqual([]);
  });

  test("that fails names its step and shows its last 30 lines", async () => {
    const context = contextOf({ Dockerfile: "FROM busybox:local\nRUN seq 1 100 && exit 3\n" });
    const error = await build(context).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "build_failed",
      message: expect.stringMatching(/build of api failed at step 2\/[23] \(RUN seq 1 100 && exit 3\): .*3/),
    });
    const { log } = (error as { facts: { log: string[] } }).facts;
    expect(log).toHaveLength(30);
    expect(log).toContain("100");
  });

  test("with a Dockerfile that is none, or lies elsewhere", async () => {
    const context = contextOf({ Dockerfile: "FROM busybox:local\nNOPE x\n", "a.txt": "a" });
    expect(build(context)).rejects.toMatchObject({ code: "build_failed", message: expect.stringContaining("NOPE") });
    const hidden = contextOf({
      "ci/Dockerfile": `FROM busybox:local\nCOPY . /${crypto.randomUUID()}\n`,
      "ci/x": "",
      ".dockerignore": "ci\n",
    });
    expect((await build(hidden, { dockerfile: "./ci/Dockerfile" })).info.Os).toBe("linux");
    const elsewhere = contextOf({ Dockerfile: `FROM busybox:local\nCOPY a.txt /${crypto.randomUUID()}\n` });
    expect((await build(context, { dockerfile: `../${elsewhere.split("/").at(-1)}/Dockerfile` })).info.Os).toBe("linux");
  });

  test("ends with the signal of the last who wants it", async () => {
    const own = crypto.randomUUID();
    const context = contextOf({ Dockerfile: `FROM busybox:local\nRUN sleep 300; : ${own}\n` });
    const leaving = new AbortController();
    const building = build(context, { signal: leaving.signal }).catch((error: unknown) => error);
    const running = (): number[] => allPids().filter((pid) => commandOf(pid).includes(`sleep 300; : ${own}`));
    await until("it builds", () => running().length > 0, 10_000);
    const reason = new Error("enough");
    leaving.abort(reason);
    expect(await building).toBe(reason);
    // Podman lets the step end.
    if (podman) for (const pid of running()) process.kill(pid, "SIGKILL");
    await until("docker has stopped it", () => running().length === 0, 15_000);
  });
});
