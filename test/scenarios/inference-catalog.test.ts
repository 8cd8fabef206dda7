import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelView } from "../../src/inference/catalog/model.ts";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { expectRefusal, type Fields, nodeWith, planeOf, type Problem, type Told } from "./inference-rig.ts";

/** The catalog over the wire (inference.md, "Catalog"). */

const MIB = 2 ** 20;
const plane = planeOf();
const engine = new EngineRig({ models: ["chain", "served"] });
let models: string;
beforeAll(async () => {
  models = join(plane.rig.home, "models");
  mkdirSync(models, { recursive: true });
  await plane.pool("p", engine.engine.url, { models: ["chain", "served"] });
});
afterAll(() => engine.engine.stop());

const path = "/v2/catalog/models";
const sha256 = (bytes: string | Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const register = <T = ModelView>(body: Fields): Promise<Told<T>> => plane.post<T>(path, { tags: [], ...body });
const model = (id: string): Promise<Told<ModelView>> => plane.get(`${path}/${encodeURIComponent(id)}`);
const verdict = (id: string, status: string): Promise<ModelView> =>
  plane.seen(`${id} to be ${status}`, `${path}/${encodeURIComponent(id)}`, ({ verification }: ModelView) => verification.status === status);

test("registered, shown, listed, removed; twice is a conflict", async () => {
  const digest = sha256("x");
  const made = await register({ id: "org/one", digest, source_url: "one.gguf", tags: ["a", "b"], licence: "MIT" });
  expect(made.status).toBe(201);
  expect(made.headers.get("location")).toBe(`${path}/org%2Fone`);
  expect(made.body).toMatchObject({ id: "org/one", digest, source_url: "one.gguf", tags: ["a", "b"], state: "Active", licence: "MIT" });
  expect(made.body.verification).toEqual({ status: "unverified", bytes_done: 0, bytes_total: 0 });
  expect((await model("org/one")).body).toEqual(made.body);
  expectRefusal(await register<Problem>({ id: "org/one", source_url: "two.gguf" }), { status: 409, code: "CONFLICT", retriable: false });
  expect((await plane.get<{ models: ModelView[] }>(path)).body.models.map(({ id }) => id)).toEqual(["org/one"]);
  expect((await plane.call("DELETE", `${path}/org%2Fone`)).status).toBe(204);
  expectRefusal((await model("org/one")) as unknown as Told<Problem>, { status: 404, code: "NOT_FOUND" });
});

test("a file that is what it should be is verified, with progress; one that is not is a mismatch; another look may be better", async () => {
  const bytes = Buffer.alloc(300 * MIB, "weights ");
  writeFileSync(join(models, "big.gguf"), bytes);
  await register({ id: "big", digest: sha256(bytes), source_url: `file:${join(models, "big.gguf")}` });
  const begun = await plane.post<ModelView>(`${path}/big/verify`);
  expect(begun.status).toBe(202);
  expect(begun.body.verification).toMatchObject({ status: "verifying", bytes_total: bytes.length });
  const seen = await plane.seen(
    "progress",
    `${path}/big`,
    ({ verification: { status, bytes_done: done } }: ModelView) => done > 0 || status === "verified",
  );
  expect(seen.verification.bytes_done).toBeLessThanOrEqual(bytes.length);
  const done = await verdict("big", "verified");
  expect(done).toMatchObject({
    state: "Active",
    size_bytes: bytes.length,
    verification: { bytes_done: bytes.length, bytes_total: bytes.length },
  });
  truncateSync(join(models, "big.gguf"), 5);
  expect((await model("big")).body.verification.status).toBe("unverified");
  await plane.post(`${path}/big/verify`);
  expect((await verdict("big", "mismatch")).state).toBe("Active");
  writeFileSync(join(models, "big.gguf"), bytes);
  await plane.post(`${path}/big/verify`);
  await verdict("big", "verified");
});

test("a digest is sha256 with 64 hexadecimal digits", async () => {
  for (const digest of ["sha256:abc", "a".repeat(64), `md5:${"a".repeat(32)}`, `sha256:${"g".repeat(64)}`, 7]) {
    const refused = await register<Problem>({ id: "bad", digest, source_url: "x.gguf" });
    expectRefusal(refused, { status: 400, code: "INVALID_PARAMS", errors: [expect.objectContaining({ pointer: "/digest" })] });
  }
  expect((await register({ id: "good", digest: `sha256:${"A".repeat(64)}`, source_url: "x.gguf" })).status).toBeOneOf([201, 400]);
});

test("files are read below the model roots alone, and nothing is fetched from inside", async () => {
  symlinkSync("/etc/passwd", join(models, "link.gguf"));
  for (const source of [
    "file:/etc/passwd",
    "file:///etc/passwd",
    "/etc/passwd",
    "../../etc/passwd",
    "file:../x.gguf",
    `file:${models}/../outside.gguf`,
    "link.gguf",
    "http://169.254.169.254/latest/meta-data",
    "https://127.0.0.1/x.gguf",
    "https://localhost/x.gguf",
    "https://[::1]/x.gguf",
    "https://10.0.0.1/x.gguf",
    "https://user:secret@example.com/x.gguf",
    "ftp://example.com/x.gguf",
    "hf:../../x",
    "",
  ]) {
    const refused = await register<Problem>({ id: "bad", source_url: source });
    expect([source, refused.status, refused.body.code]).toEqual([source, 400, "INVALID_PARAMS"]);
    expect(refused.text).not.toContain("secret");
  }
  for (const [id = "", source] of [
    ["relative", "folder/x.gguf"],
    ["absolute", `file://${models}/x.gguf`],
    ["https", "https://example.com/x.gguf"],
    ["hf", "hf:org/repo/x.gguf@main"],
  ]) {
    expect((await register({ id, source_url: source })).status).toBe(201);
    await plane.call("DELETE", `${path}/${id}`);
  }
});

test("Retired is refused, Active again is not; the body is {state}", async () => {
  await register({ id: "served", source_url: "served.gguf" });
  const state = (body: unknown): Promise<Told<Problem>> => plane.post(`${path}/served/state`, body);
  expect((await state({ state: "Retired" })).body).toMatchObject({ id: "served", state: "Retired" });
  expectRefusal(await plane.ask({ model_ref: "served" }), { status: 409, code: "MODEL_DEPRECATED" });
  const gone = await plane.v1<{ data: { id: string }[] }>("/models");
  expect(gone.body.data.map(({ id }) => id)).toEqual(["chain"]);
  expect((await state({ state: "Active" })).status).toBe(200);
  expect((await plane.ask({ model_ref: "served" })).status).toBe(202);
  for (const body of [{ state: "Gone" }, {}, { state: "Active", why: "x" }, "Active"])
    expectRefusal(await state(body), { status: 400, code: "INVALID_PARAMS" });
  expectRefusal(await plane.post<Problem>(`${path}/nobody/state`, { state: "Active" }), { status: 404, code: "NOT_FOUND" });
});

test("availability: which nodes have what, and what only one has", async () => {
  type Availability = {
    nodes: { node_id: string; models: string[] }[];
    total_models: number;
    replicated_models: string[];
    single_node_models: string[];
  };
  const entry = { pool_id: "far", ready: true, slots_free: 1, slots_total: 1, engine: "mock" } as const;
  for (const [id, has] of [
    ["n1", ["both", "first"]],
    ["n2", ["both"]],
  ] as const)
    expect(
      (await plane.post("/v2/nodes/register", nodeWith(id, [{ ...entry, endpoint: engine.engine.url, models_available: has }]))).status,
    ).toBe(201);
  const { body } = await plane.get<Availability>("/v2/catalog/availability");
  expect(body.replicated_models).toEqual(["both"]);
  expect(body.single_node_models).toContain("first");
  expect(body.single_node_models).toContain("chain");
  expect(body.total_models).toBe(body.replicated_models.length + body.single_node_models.length);
  expect(body.nodes.find(({ node_id: id }) => id === "n1")?.models.toSorted()).toEqual(["both", "first"]);
  for (const id of ["n1", "n2"]) expect((await plane.call("DELETE", `/v2/nodes/${id}`)).status).toBe(204);
});

test("it is all there after kill -9", async () => {
  await register({ id: "kept", source_url: "kept.gguf", tags: ["t"] });
  await plane.post(`${path}/kept/state`, { state: "Retired" });
  const before = (await plane.get(path)).body;
  await plane.rig.again();
  expect((await plane.get(path)).body).toEqual(before);
  expect((await model("kept")).body).toMatchObject({ state: "Retired", tags: ["t"] });
});
