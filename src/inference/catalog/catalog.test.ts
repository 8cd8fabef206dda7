import { describe, expect, test } from "bun:test";
import { appendFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FakeClock } from "../../kernel/clock.ts";
import { refused } from "../../kernel/journal-fixture.ts";
import { CatalogRig, digestOf } from "../../../test/catalog-rig.ts";

const HELLO = digestOf("hello");

describe("registering", () => {
  test("keeps what the client tells of a model, over a restart too", async () => {
    await using rig = new CatalogRig();
    rig.write("a.gguf", "hello");
    const made = await rig.catalog.register({
      id: "org/a",
      digest: HELLO.toUpperCase().replace("SHA256", "sha256"),
      source_url: "a.gguf",
      tags: ["small"],
      license: { name: "MIT" },
      verification: { status: "verified" },
    });
    expect(made).toMatchObject({ id: "org/a", digest: HELLO, tags: ["small"], license: { name: "MIT" }, state: "Active", size_bytes: 5 });
    expect(made.verification).toEqual({ status: "unverified", bytes_done: 0, bytes_total: 5 });
    await rig.restart();
    expect(rig.catalog.get("org/a")).toEqual(made);
    expect(await rig.catalog.list()).toEqual({ models: [made] });
    expect(rig.catalog.look("org/a")).toEqual({ state: "Active", trusted: true, createdAt: made.created_at, sizeBytes: 5 });
    expect(rig.catalog.look("b")).toBeUndefined();
  });

  test("of an id twice is a conflict, also at the same moment", async () => {
    await using rig = new CatalogRig();
    const both = await Promise.allSettled([1, 2].map((n) => rig.catalog.register({ id: "a", source_url: `${n}.gguf` })));
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect((await refused(() => rig.catalog.register({ id: "a", source_url: "x" }))).code).toBe("CONFLICT");
    expect(rig.catalog.get("a").source_url).toBe("1.gguf");
  });

  test("a model that is retired is still known, and one that is removed is not; its file stays", async () => {
    await using rig = new CatalogRig();
    const path = rig.write("a.gguf", "hello");
    await rig.catalog.register({ id: "a", source_url: "a.gguf" });
    expect((await rig.catalog.setState("a", "Retired")).state).toBe("Retired");
    expect(rig.catalog.look("a")?.state).toBe("Retired");
    await rig.catalog.remove("a");
    expect((await refused(() => rig.catalog.get("a"))).code).toBe("NOT_FOUND");
    expect((await refused(() => rig.catalog.remove("a"))).code).toBe("NOT_FOUND");
    expect(statSync(path).size).toBe(5);
    await rig.restart();
    expect(await rig.catalog.list()).toEqual({ models: [] });
    expect(rig.told).toEqual(["model.registered", "model.state", "model.removed"]);
  });
});

describe("verifying", () => {
  test("tells the right file from a wrong one; a mismatch is not trusted, and its state stays", async () => {
    await using rig = new CatalogRig();
    rig.write("a.gguf", "hello");
    rig.write("b.gguf", "hullo");
    for (const id of ["a", "b"]) await rig.catalog.register({ id, digest: HELLO, source_url: `${id}.gguf` });
    expect((await rig.catalog.verify("a")).verification.status).toBe("verifying");
    await rig.catalog.verify("b");
    expect((await rig.settled("a")).verification).toEqual({ status: "verified", bytes_done: 5, bytes_total: 5 });
    const wrong = await rig.settled("b");
    expect(wrong.verification).toMatchObject({ status: "mismatch", detail: expect.stringContaining(digestOf("hullo")) });
    expect(wrong.state).toBe("Active");
    await rig.restart();
    expect([rig.catalog.look("a")?.trusted, rig.catalog.look("b")?.trusted]).toEqual([true, false]);
    expect(rig.catalog.get("a").verification.status).toBe("verified");
  });

  test("a mismatch stands until a right file was looked at", async () => {
    await using rig = new CatalogRig();
    rig.write("a.gguf", "hullo");
    await rig.catalog.register({ id: "a", digest: HELLO, source_url: "a.gguf" });
    await rig.catalog.verify("a");
    await rig.settled("a");
    rig.write("a.gguf", "hello");
    expect(rig.catalog.get("a").verification.status).toBe("mismatch");
    expect(rig.catalog.look("a")?.trusted).toBe(false);
    await rig.catalog.verify("a");
    expect((await rig.settled("a")).verification.status).toBe("verified");
    expect(rig.catalog.look("a")?.trusted).toBe(true);
  });

  test("what was verified is so only as long as the file is the same", async () => {
    await using rig = new CatalogRig();
    const path = rig.write("a.gguf", "hello");
    await rig.catalog.register({ id: "a", digest: HELLO, source_url: "a.gguf" });
    const changes: (() => void)[] = [
      () => appendFileSync(path, "!"),
      () => utimesSync(path, 1, 1),
      () => (writeFileSync(`${path}.new`, "hello"), renameSync(`${path}.new`, path)),
      () => rmSync(path),
    ];
    for (const change of changes) {
      rig.write("a.gguf", "hello");
      await rig.catalog.verify("a");
      expect((await rig.settled("a")).verification.status).toBe("verified");
      change();
      expect(rig.catalog.get("a").verification).toMatchObject({ status: "unverified", detail: expect.stringMatching(/changed|gone/) });
    }
  });

  test("a file that is written meanwhile is neither right nor wrong", async () => {
    await using rig = new CatalogRig();
    const path = rig.write("a.gguf", "");
    truncateSync(path, 64 * 1024 * 1024);
    await rig.catalog.register({ id: "a", digest: HELLO, source_url: "a.gguf" });
    await rig.catalog.verify("a");
    appendFileSync(path, "x");
    expect((await rig.settled("a")).verification).toMatchObject({
      status: "unverified",
      detail: expect.stringContaining("changed while it was read"),
    });
  });

  test("needs a digest and a file", async () => {
    await using rig = new CatalogRig();
    await rig.catalog.register({ id: "a", source_url: "a.gguf" });
    await rig.catalog.register({ id: "b", digest: HELLO, source_url: "b.gguf" });
    expect((await refused(() => rig.catalog.verify("a"))).code).toBe("INVALID_PARAMS");
    expect((await refused(() => rig.catalog.verify("b"))).code).toBe("CONFLICT");
    expect((await refused(() => rig.catalog.fetch("b"))).code).toBe("CONFLICT");
  });

  test("what a daemon began the next one ends", async () => {
    await using rig = new CatalogRig();
    const path = rig.write("a.gguf", "");
    truncateSync(path, 256 * 1024 * 1024);
    await rig.catalog.register({ id: "a", digest: HELLO, source_url: "a.gguf" });
    await rig.catalog.verify("a");
    await rig.catalog.close();
    expect(rig.catalog.get("a").verification.status).toBe("verifying");
    truncateSync(path, 0);
    writeFileSync(path, "hello");
    await rig.restart();
    expect((await rig.settled("a")).verification.status).toBe("verified");
  });

  test("a model that is removed meanwhile is not read to its end", async () => {
    await using rig = new CatalogRig();
    const path = rig.write("a.gguf", "");
    // Half a minute of reading.
    truncateSync(path, 32 * 1024 * 1024 * 1024);
    await rig.catalog.register({ id: "a", digest: HELLO, source_url: "a.gguf" });
    await rig.catalog.verify("a");
    const startedAt = performance.now();
    await rig.catalog.remove("a");
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(rig.told).toEqual(["model.registered", "model.verifying", "model.removed"]);
  });
});

describe("files outside the folders", () => {
  test("are refused by name and behind links, and read by nobody when the link is swapped later", async () => {
    await using rig = new CatalogRig();
    const outside = join(rig.dir, "secret");
    writeFileSync(outside, "hello");
    symlinkSync(outside, join(rig.root, "link"));
    symlinkSync(rig.dir, join(rig.root, "up"));
    for (const source_url of ["link", "up/secret", "../secret", `file://${outside}`, outside])
      expect((await refused(() => rig.catalog.register({ id: "a", source_url }))).code).toBe("INVALID_PARAMS");
    const path = rig.write("b.gguf", "hello");
    await rig.catalog.register({ id: "b", digest: HELLO, source_url: "b.gguf" });
    rmSync(path);
    symlinkSync(outside, path);
    expect((await refused(() => rig.catalog.verify("b"))).code).toBe("INVALID_PARAMS");
    expect(rig.catalog.get("b")).toMatchObject({ fetch: { status: "failed" }, verification: { status: "unverified" } });
    expect(rig.catalog.get("b").path).toBeUndefined();
  });

  test("a link within the folders is followed; a folder, a pipe and a device are no models", async () => {
    await using rig = new CatalogRig();
    rig.write("blob", "hello");
    symlinkSync("blob", join(rig.root, "a.gguf"));
    await rig.catalog.register({ id: "a", digest: HELLO, source_url: "a.gguf" });
    await rig.catalog.verify("a");
    expect((await rig.settled("a")).verification.status).toBe("verified");
    Bun.spawnSync(["mkfifo", join(rig.root, "pipe")]);
    symlinkSync("/dev/zero", join(rig.root, "zero"));
    for (const source_url of ["pipe", "zero", "."])
      expect((await refused(() => rig.catalog.register({ id: "x", source_url }))).code).toBe("INVALID_PARAMS");
  });
});

test("files are looked at again now and then: admission knows the size of one that came later", async () => {
  const clock = new FakeClock();
  await using rig = new CatalogRig({ clock });
  await rig.catalog.register({ id: "a", source_url: "a.gguf", size_bytes: 7 });
  expect(rig.catalog.look("a")?.sizeBytes).toBe(7);
  rig.write("a.gguf", "hello");
  await clock.advance(5000);
  expect(rig.catalog.look("a")?.sizeBytes).toBe(5);
});

describe("the list", () => {
  const ids = async (rig: CatalogRig, page = {}): Promise<string[]> => (await rig.catalog.list(page)).models.map(({ id }) => id);

  test("is in the order of the ids, whole or from one on, whatever comes and goes", async () => {
    await using rig = new CatalogRig();
    for (const id of ["b", "d", "a"]) await rig.catalog.register({ id, source_url: "x.gguf" });
    expect(await ids(rig)).toEqual(["a", "b", "d"]);
    await rig.catalog.register({ id: "c", source_url: "x.gguf" });
    await rig.catalog.remove("b");
    expect(await ids(rig)).toEqual(["a", "c", "d"]);
    expect(await ids(rig, { after: "a", limit: 1 })).toEqual(["c"]);
    expect(await ids(rig, { after: "b" })).toEqual(["c", "d"]);
    expect(await ids(rig, { after: "d" })).toEqual([]);
  });

  test("of many models leaves others their turn, and one that goes meanwhile is left out", async () => {
    await using rig = new CatalogRig();
    const id = (n: number): string => `m${String(n).padStart(4, "0")}`;
    for (let n = 0; n < 1000; n++) await rig.catalog.register({ id: id(n), source_url: "x.gguf" });
    let turns = 0;
    let over = false;
    const turn = (): void => void setImmediate(() => ((turns += 1), over || turn()));
    turn();
    const listed = ids(rig);
    await rig.catalog.remove(id(999));
    const found = await listed.finally(() => (over = true));
    expect(turns).toBeGreaterThanOrEqual(5);
    expect(found.slice(0, 999)).toEqual(Array.from({ length: 999 }, (_, n) => id(n)));
    const page = rig.catalog.list({ limit: 500 });
    await rig.catalog.remove(id(450));
    expect(await page).toMatchObject({ models: { length: 499 }, next: id(499) });
  });
});

test("availability counts the nodes that have a model, this machine for files that are here", async () => {
  const holders = () => new Map([["a", new Set(["n1"])], ["b", new Set(["n1", "n2"])], ["c", new Set<string>()]]); // prettier-ignore
  await using rig = new CatalogRig({ holders });
  rig.write("a.gguf", "hello");
  await rig.catalog.register({ id: "a", source_url: "a.gguf" });
  await rig.catalog.register({ id: "d", source_url: "a.gguf" });
  await rig.catalog.register({ id: "e", source_url: "nowhere.gguf" });
  expect(rig.catalog.availability()).toEqual({
    nodes: [
      { node_id: "local", models: ["a", "d"] },
      { node_id: "n1", models: ["a", "b"] },
      { node_id: "n2", models: ["b"] },
    ],
    total_models: 3,
    replicated_models: ["a", "b"],
    single_node_models: ["d"],
  });
});
