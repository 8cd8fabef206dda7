import { afterAll, describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { diskTest, SmallDisk } from "../../test/chaos/disk.ts";
import { until } from "../../test/until.ts";
import { Artifacts, MAX_ARTIFACT_BYTES } from "./artifacts.ts";

const MIB = 1024 * 1024;
const home = mkdtempSync(join(tmpdir(), "orco-artifacts-"));
const artifacts = new Artifacts(home);
afterAll(() => rmSync(home, { recursive: true, force: true }));

const folder = (run: string): string => join(home, "artifacts", run);
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function bodyOf(...chunks: readonly (Uint8Array | string | Error)[]): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    pull(controller) {
      const chunk = chunks[next++];
      if (chunk === undefined) controller.close();
      else if (chunk instanceof Error) controller.error(chunk);
      else controller.enqueue(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    },
  });
}

function filled(mebibytes: number): ReadableStream<Uint8Array> {
  return bodyOf(...Array.from({ length: mebibytes }, () => new Uint8Array(MIB)));
}

async function bytesOf(run: string, name: string): Promise<Buffer> {
  const { body } = await artifacts.open(run, name);
  return Buffer.from(await new Response(body).bytes());
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "done",
    (error: { code?: string }) => error.code,
  );
}

const uploads = (): string[] => readdirSync(join(home, "artifacts", ".uploads"));

describe("an artifact", () => {
  test("comes back as it was put, with its hash, and takes the place of a former one", async () => {
    const bytes = randomBytes(300_000);
    const put = await artifacts.put("r1", "build.log", bodyOf(bytes.subarray(0, 100_000), bytes.subarray(100_000)));
    expect(put).toMatchObject({ name: "build.log", size: 300_000, sha256: sha(bytes) });
    expect((await bytesOf("r1", "build.log")).equals(bytes)).toBe(true);
    expect(await artifacts.list("r1")).toEqual([put]);
    const again = await artifacts.put("r1", "build.log", bodyOf("new"));
    expect(await artifacts.list("r1")).toEqual([again]);
    expect((await artifacts.open("r1", "build.log")).artifact).toEqual(again);
    expect(await artifacts.put("r1", "empty", bodyOf())).toMatchObject({ size: 0, sha256: sha(Buffer.alloc(0)) });
    expect(uploads()).toEqual([]);
    artifacts.remove("r1");
    expect(await artifacts.list("r1")).toEqual([]);
    expect(await codeOf(artifacts.open("r1", "build.log"))).toBe("not_found");
  });

  test("is hashed anew when its hash was lost or does not fit", async () => {
    const { sha256 } = await artifacts.put("r2", "a", bodyOf("one"));
    for (const note of ["", '{"sha256":"00","of":"1 2 3"}']) {
      writeFileSync(join(folder("r2"), ".a.sha256"), note);
      expect((await artifacts.open("r2", "a")).artifact.sha256).toBe(sha256);
    }
    expect(readFileSync(join(folder("r2"), ".a.sha256"), "utf8")).toContain(sha256);
  });

  test("has a name that stays in its folder", async () => {
    await artifacts.put("r3", "fine", bodyOf("x"));
    const names = ["", ".", "..", "../r3/fine", "a/b", ".hidden", ".fine.sha256", "a\0", "-a", "ä", "a".repeat(129), "a\n"];
    for (const name of names) {
      expect(await codeOf(artifacts.put("r3", name, bodyOf("x")))).toBe("invalid");
      expect(await codeOf(artifacts.open("r3", name))).toBe("invalid");
      expect(await codeOf(artifacts.open(name, "fine"))).toBe("invalid");
      expect(() => artifacts.remove(name)).toThrow("is no name");
    }
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1, maxLength: 12 }), async (name) => {
        const put = await artifacts.put("r3p", name, bodyOf("x")).catch(() => undefined);
        expect(put !== undefined).toBe(/^[A-Za-z0-9][\w.-]*$/.test(name));
      }),
      { numRuns: 50 },
    );
  });

  test("is never what a link leads to, and a link is replaced", async () => {
    mkdirSync(folder("r4"), { recursive: true });
    const secret = join(home, "secret");
    writeFileSync(secret, "secret");
    symlinkSync(secret, join(folder("r4"), "link"));
    expect(await codeOf(artifacts.open("r4", "link"))).toBe("not_found");
    expect(await artifacts.list("r4")).toEqual([]);
    await artifacts.put("r4", "link", bodyOf("mine"));
    expect([readFileSync(secret, "utf8"), (await bytesOf("r4", "link")).toString()]).toEqual(["secret", "mine"]);
  });
});

describe("nothing is left", () => {
  test("of a body that is cut off or too large", async () => {
    expect(await artifacts.put("r5", "a", bodyOf("old"))).toMatchObject({ size: 3 });
    expect(await codeOf(artifacts.put("r5", "a", bodyOf("half", new Error("gone"))))).toBe("cancelled");
    expect(await codeOf(artifacts.put("r5", "a", filled(MAX_ARTIFACT_BYTES / MIB + 1)))).toBe("too_large");
    expect(uploads()).toEqual([]);
    expect((await bytesOf("r5", "a")).toString()).toBe("old");
  });

  test("beyond what a run may have, whoever puts at once", async () => {
    const puts = await Promise.allSettled(["a", "b", "c", "d", "e"].map((name) => artifacts.put("r6", name, filled(60))));
    const stored = puts.filter(({ status }) => status === "fulfilled").length;
    expect(stored).toBeLessThanOrEqual(4);
    expect((await artifacts.list("r6")).length).toBe(stored);
    artifacts.remove("r6");
    await artifacts.put("r6", "a", filled(60));
    for (let time = 0; time < 4; time++) await artifacts.put("r6", "a", filled(60)); // in the place of itself
    artifacts.remove("r6");
  });

  test("of a put whose run is removed meanwhile", async () => {
    const gate = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await gate.promise;
        controller.close();
      },
    });
    const put = artifacts.put("r7", "a", body);
    artifacts.remove("r7");
    gate.resolve();
    expect(await codeOf(put)).toBe("conflict");
    expect(uploads()).toEqual([]);
  });

  test("but a temporary file when the daemon is killed in the middle, which the next one sweeps", async () => {
    const program = `import { Artifacts } from ${JSON.stringify(join(import.meta.dir, "artifacts.ts"))};
      const body = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1000)); return new Promise((done) => setTimeout(done, 5)); } });
      await new Artifacts(process.env.HOME_UNDER_TEST).put("r8", "a", body);`;
    await artifacts.put("r8", "a", bodyOf("old"));
    const child = Bun.spawn([process.execPath, "-e", program], { env: { ...process.env, HOME_UNDER_TEST: home } });
    await until("an upload is under way", () => uploads().length === 1);
    child.kill("SIGKILL");
    await child.exited;
    expect((await bytesOf("r8", "a")).toString()).toBe("old");
    new Artifacts(home).sweep((run) => run === "r8");
    expect(readdirSync(join(home, "artifacts"))).toEqual(["r8"]);
    expect((await artifacts.list("r8")).map(({ name }) => name)).toEqual(["a"]);
  });

  diskTest("of what does not fit on the disk", async () => {
    const small = mkdtempSync(join(tmpdir(), "orco-small-"));
    const disk = new SmallDisk(small, 4 * MIB);
    try {
      const full = new Artifacts(small);
      await full.put("r", "a", filled(1));
      expect(await codeOf(full.put("r", "b", filled(8)))).toBe("disk_full");
      expect((await full.list("r")).map(({ name }) => name)).toEqual(["a"]);
      await full.put("r", "b", filled(1));
    } finally {
      disk.unmount();
      rmSync(small, { recursive: true, force: true });
    }
  });
});

test("readers that leave at any moment leave no file open, and close none twice", async () => {
  const open = (): string[] => readdirSync("/proc/self/fd");
  await artifacts.put("left", "big", filled(1));
  const before = open().length;
  for (let left = 0; left < 60; left++) {
    const reader = (await artifacts.open("left", "big")).body.getReader();
    const reads = Array.from({ length: left % 3 }, () => reader.read().catch(() => undefined));
    if (left % 2 === 0) await reads[0];
    await reader.cancel();
    await Promise.all(reads);
  }
  await until("all is closed", () => open().length <= before);
});
