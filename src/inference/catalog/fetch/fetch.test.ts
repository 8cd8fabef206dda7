import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { contentOf, type FileServer, startFileServer } from "../../../../test/programs/file-server.ts";
import { until } from "../../../../test/until.ts";
import { CertificateFolder } from "../../../edge/certificate.fake.ts";
import { CatalogRig, digestOf } from "../../../../test/catalog-rig.ts";
import type { CatalogOptions } from "../catalog.ts";
import type { ModelView } from "../model.ts";

const SIZE = 3_000_000;
const RIGHT = digestOf(contentOf(SIZE));
const QUICK: Partial<CatalogOptions> = { allow: ["127.0.0.1"], limits: { backoffMs: 1, stallMs: 2000 } };

let server: FileServer;
beforeAll(async () => void (server = await startFileServer()));
afterAll(() => server[Symbol.asyncDispose]());

interface Fetched {
  readonly model: ModelView;
  /** Of the requests that it took, without those before: what was asked for beside the URL. */
  readonly ranges: readonly (string | undefined)[];
}

/** Registers a model of the server and fetches it. */
async function fetched(
  rig: CatalogRig,
  query: string,
  { digest = RIGHT, id = "org/m" }: { digest?: string | undefined; id?: string } = {},
): Promise<Fetched> {
  const from = server.asked.length;
  const source_url = `http://127.0.0.1:${server.port}/models/m.gguf?size=${SIZE}&${query}`;
  await rig.catalog.register({ id, ...(digest !== "" && { digest }), source_url });
  await rig.catalog.fetch(id);
  const model = await rig.settled(id);
  return { model, ranges: server.asked.slice(from).map(({ headers }) => headers["range"]) };
}

function partials(rig: CatalogRig): string[] {
  return readdirSync(join(rig.root, ".partial"));
}

describe("a file that is fetched", () => {
  test("is at its place, for its owner alone, verified on the way", async () => {
    await using rig = new CatalogRig(QUICK);
    const { model } = await fetched(rig, "");
    const path = join(rig.root, "org%2Fm", "m.gguf");
    expect(model).toMatchObject({
      path,
      size_bytes: SIZE,
      fetch: { status: "present", digest: RIGHT },
      verification: { status: "verified" },
    });
    expect(readFileSync(path).equals(contentOf(SIZE))).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(partials(rig)).toEqual([]);
    expect(rig.told).toEqual(["model.registered", "model.fetching", "model.fetched", "model.verified"]);
    const asked = server.asked.length;
    expect((await rig.catalog.fetch("org/m")).fetch.status).toBe("present");
    expect(server.asked.length).toBe(asked);
  });

  test("goes through no link that leads out of the folders, neither at its place nor while it comes", async () => {
    await using rig = new CatalogRig(QUICK);
    const outside = join(rig.dir, "outside");
    mkdirSync(outside);
    symlinkSync(outside, join(rig.root, "org%2Fm"));
    const { model } = await fetched(rig, "");
    expect(model.fetch).toMatchObject({ status: "failed", error: expect.stringContaining("leads out of the folders") });
    expect(readdirSync(outside)).toEqual([]);
    rmSync(join(rig.root, ".partial"), { recursive: true });
    symlinkSync(outside, join(rig.root, ".partial"));
    const other = await fetched(rig, "", { id: "other" });
    expect(other.model.fetch).toMatchObject({ status: "failed", error: expect.stringContaining("leads out of the folders") });
    expect(readdirSync(outside)).toEqual([]);
    // Nor does the next daemon clear away what is there.
    writeFileSync(join(outside, "mine"), "");
    await rig.restart();
    await until("it has looked", () => rig.logged.length > 0);
    expect(readdirSync(outside)).toEqual(["mine"]);
  });

  test("without a digest is there unverified, and what it is is told", async () => {
    await using rig = new CatalogRig(QUICK);
    const { model } = await fetched(rig, "chunked", { digest: "" });
    expect(model).toMatchObject({ fetch: { status: "present", digest: RIGHT }, verification: { status: "unverified" } });
  });

  test("to verify one that is not here is to fetch it", async () => {
    await using rig = new CatalogRig(QUICK);
    await rig.catalog.register({ id: "m", digest: RIGHT, source_url: `http://127.0.0.1:${server.port}/m?size=${SIZE}` });
    await rig.catalog.verify("m");
    expect((await rig.settled("m")).verification.status).toBe("verified");
  });

  test("that is not what was registered is thrown away and not trusted; the right one makes good", async () => {
    await using rig = new CatalogRig(QUICK);
    const { model } = await fetched(rig, "seed=2");
    expect(model).toMatchObject({
      fetch: { status: "failed", error: expect.stringContaining(RIGHT) },
      verification: { status: "mismatch" },
    });
    expect(rig.catalog.look("org/m")?.trusted).toBe(false);
    expect(partials(rig)).toEqual([]);
    expect(existsSync(join(rig.root, "org%2Fm"))).toBe(false);
    await rig.restart();
    expect(rig.catalog.get("org/m")).toMatchObject({ fetch: { status: "failed" }, verification: { status: "mismatch" } });
    rig.write("m.gguf", contentOf(SIZE));
    await rig.catalog.remove("org/m");
    await rig.catalog.register({ id: "org/m", digest: RIGHT, source_url: "m.gguf" });
    expect(rig.catalog.look("org/m")?.trusted).toBe(true);
  });
});

describe("a connection that is cut", () => {
  test("is made again, and goes on where it ended", async () => {
    await using rig = new CatalogRig(QUICK);
    const { model, ranges } = await fetched(rig, "cut=1000000&times=2");
    expect(model.verification.status).toBe("verified");
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBeUndefined();
    const starts = ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1]));
    expect(starts.every((start, n) => start > (starts[n - 1] ?? 0))).toBe(true);
  });

  test.each(["norange", "noetag", "weak", "change", "shift=10"])("where the sender cannot go on (%s) it begins anew", async (fault) => {
    await using rig = new CatalogRig(QUICK);
    const digest = fault === "change" ? digestOf(contentOf(SIZE, { seed: 2 })) : RIGHT;
    const { model, ranges } = await fetched(rig, `cut=1000000&${fault}`, { digest });
    expect(model.verification.status).toBe("verified");
    expect(ranges.length).toBeGreaterThan(1);
  });

  test("is given up after some tries that bring nothing new; what is there is kept", async () => {
    await using rig = new CatalogRig({ ...QUICK, limits: { backoffMs: 1, tries: 3 } });
    const { model, ranges } = await fetched(rig, "cut=0&times=99");
    expect(model.fetch).toMatchObject({ status: "failed", error: expect.stringContaining("3 times") });
    expect(ranges).toHaveLength(3);
    expect(partials(rig)).not.toEqual([]);
    await rig.catalog.remove("org/m");
    expect(partials(rig)).toEqual([]);
  });

  test("silence counts as an end", async () => {
    await using rig = new CatalogRig({ ...QUICK, limits: { backoffMs: 1, stallMs: 1000 } });
    const { model, ranges } = await fetched(rig, "hold=1000000");
    expect([model.verification.status, ranges.length]).toEqual(["verified", 2]);
  });
});

describe("what cannot be fetched says why", () => {
  test.each([
    ["status=404&times=99", 1, "there is no such file"],
    ["status=403&times=99", 1, "HF_TOKEN"],
    ["status=503&times=99", 2, "the sender answered 503, 2 times"],
    ["nolength", 1, "how long the file is"],
    ["to=http://127.0.0.1:1/x", 1, "sends on to http://127.0.0.1:1/x"],
  ])("%s", async (query, tries, why) => {
    await using rig = new CatalogRig({ ...QUICK, limits: { backoffMs: 1, tries: 2 } });
    const { model, ranges } = await fetched(rig, query);
    expect(model.fetch).toMatchObject({ status: "failed", error: expect.stringContaining(why) });
    expect(model.verification.status).toBe("unverified");
    expect(ranges).toHaveLength(tries);
  });

  test("more bytes than were announced, or fewer", async () => {
    await using rig = new CatalogRig({ ...QUICK, limits: { backoffMs: 1, tries: 2 } });
    expect((await fetched(rig, `say=${SIZE + 5}`, { id: "more" })).model.fetch.status).toBe("failed");
    expect((await fetched(rig, `say=${SIZE - 5}`, { id: "less" })).model.verification.status).toBe("mismatch");
  });

  test("larger than anybody wants", async () => {
    await using rig = new CatalogRig({ ...QUICK, limits: { backoffMs: 1, maxBytes: 1_000_000 } });
    for (const query of ["", "chunked"])
      expect((await fetched(rig, query, { id: `m${query}` })).model.fetch).toMatchObject({
        status: "failed",
        error: expect.stringContaining("than 1000000"),
      });
  });
});

describe("a fetch that is stopped", () => {
  test("goes on with the next daemon, from where it was", async () => {
    await using rig = new CatalogRig(QUICK);
    const id = "org/m";
    const source_url = `http://127.0.0.1:${server.port}/stop?size=${SIZE}&hold=1000000`;
    await rig.catalog.register({ id, digest: RIGHT, source_url });
    await Promise.all([rig.catalog.fetch(id), rig.catalog.fetch(id)]);
    await until("a million bytes", () => rig.catalog.get(id).fetch.bytes_done === 1_000_000);
    expect(rig.catalog.get(id).fetch).toMatchObject({ status: "fetching", bytes_total: SIZE });
    expect(server.open()).toBe(1);
    await rig.restart();
    expect((await rig.settled(id)).verification.status).toBe("verified");
    expect(server.asked.filter(({ path }) => path.startsWith("/stop")).map(({ headers }) => headers["range"])).toEqual([
      undefined,
      "bytes=1000000-",
    ]);
  });

  test("for good when the model is removed: nothing is left of it", async () => {
    await using rig = new CatalogRig(QUICK);
    await rig.catalog.register({ id: "m", source_url: `http://127.0.0.1:${server.port}/gone?size=${SIZE}&hold=1000000` });
    await rig.catalog.fetch("m");
    await until("a million bytes", () => rig.catalog.get("m").fetch.bytes_done === 1_000_000);
    await rig.catalog.remove("m");
    expect(partials(rig)).toEqual([]);
    await until("the connection to be gone", () => server.open() === 0);
  });

  test("what is left of models that nobody knows any more is taken away at the start", async () => {
    await using rig = new CatalogRig(QUICK);
    await fetched(rig, "cut=0&times=99");
    const [part = ""] = partials(rig);
    writeFileSync(join(rig.root, ".partial", part.replace("org%2Fm", "nobody")), "x");
    await rig.restart();
    await until("the stranger to be gone", () => partials(rig).every((name) => !name.includes("nobody")));
    expect(partials(rig)).toContain(part);
  });
});

describe("over TLS", () => {
  const folder = new CertificateFolder();
  const { cert, key } = folder.make("models", ["hub.test", "cdn.test"]);
  const ca = readFileSync(cert, "utf8");
  let hub: FileServer;
  beforeAll(async () => void (hub = await startFileServer({ cert: ca, key: readFileSync(key, "utf8") })));
  afterAll(async () => {
    await hub[Symbol.asyncDispose]();
    folder.remove();
  });

  /** Fetches with names that lead where `addresses` says. */
  async function over(source_url: string, addresses: Readonly<Record<string, readonly string[]>>, hfBase?: string): Promise<ModelView> {
    const resolve = async (host: string): Promise<readonly string[]> => addresses[host] ?? [];
    const hf = hfBase === undefined ? {} : { hf: { base: hfBase, token: "hf-secret" } };
    await using rig = new CatalogRig({ ...QUICK, limits: { backoffMs: 1, tries: 1 }, web: { resolve, ca }, ...hf });
    await rig.catalog.register({ id: "m", digest: RIGHT, source_url });
    await rig.catalog.fetch("m");
    return await rig.settled("m");
  }

  test("a name is fetched from where it leads, with its own certificate only", async () => {
    const url = (host: string): string => `https://${host}:${hub.port}/m?size=${SIZE}`;
    const here = {
      "hub.test": ["127.0.0.1"],
      "other.test": ["127.0.0.1"],
      "meta.test": ["169.254.169.254"],
      "mixed.test": ["8.8.8.8", "10.0.0.1"],
    };
    expect((await over(url("hub.test"), here)).verification.status).toBe("verified");
    expect((await over(url("other.test"), here)).fetch.error).toContain("cannot be reached");
    const asked = hub.asked.length;
    expect((await over(url("meta.test"), here)).fetch.error).toContain("169.254.169.254");
    expect((await over(url("mixed.test"), here)).fetch.error).toContain("10.0.0.1");
    expect((await over(url("nowhere.test"), here)).fetch.error).toContain("no address");
    expect((await over(url("hub.test").replace("https", "http"), { "hub.test": ["8.8.8.8"] })).fetch.error).toContain("without TLS");
    expect(hub.asked.length).toBe(asked);
  });

  test("Hugging Face sends on: each step is checked, and the token stays with it", async () => {
    const from = hub.asked.length;
    const to = encodeURIComponent(`https://cdn.test:${hub.port}/blob?size=${SIZE}`);
    const here = { "hub.test": ["127.0.0.1"], "cdn.test": ["127.0.0.1"] };
    const base = `https://hub.test:${hub.port}`;
    const model = await over(`hf:org/repo/m.gguf`, here, `${base}/redirect?to=${to}&rest=`);
    expect(model).toMatchObject({ verification: { status: "verified" } });
    const asked = hub.asked.slice(from);
    expect(asked.map(({ headers }) => [headers["host"], headers["authorization"]])).toEqual([
      [`hub.test:${hub.port}`, "Bearer hf-secret"],
      [`cdn.test:${hub.port}`, undefined],
    ]);
    for (const target of ["https://169.254.169.254/x", "http://8.8.8.8/x", "file:///etc/passwd", "https://10.0.0.1/x"]) {
      const elsewhere = await over("hf:org/repo/m.gguf", here, `${base}/redirect?to=${encodeURIComponent(target)}&rest=`);
      expect(elsewhere.fetch.status).toBe("failed");
    }
    const round = await over("hf:org/repo/m.gguf", here, `${base}/redirect?to=/redirect&rest=`);
    expect(round.fetch.status).toBe("failed");
  });
});
