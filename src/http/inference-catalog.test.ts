import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CatalogRig, digestOf } from "../../test/catalog-rig.ts";
import { systemClock } from "../kernel/clock.ts";
import { FakeDaemon } from "./daemon.fake.ts";
import { absentInference } from "./inference-absent.fake.ts";
import { createServer, type HttpServer } from "./server.ts";
import type { Services } from "./services.ts";

const MODELS = "/v2/catalog/models";

class DaemonWithCatalog extends FakeDaemon {
  constructor(rig: CatalogRig) {
    super(rig.dir, systemClock());
    Object.assign(this, { inference: { ...absentInference(), catalog: rig.catalog } satisfies Partial<Services["inference"]> });
  }
}

let rig: CatalogRig;
let daemon: DaemonWithCatalog;
let server: HttpServer;
beforeAll(() => {
  rig = new CatalogRig();
  daemon = new DaemonWithCatalog(rig);
  const config = {
    socket: `${rig.dir}/orco.sock`,
    bind: { host: "127.0.0.1", port: 0 },
    allowAnonymous: false,
    corsOrigins: [],
    version: "0",
  };
  server = createServer({ services: daemon, clock: systemClock(), config: { ...config, rateLimit: { windowMs: 60_000, max: 0 } } });
});
afterAll(async () => {
  await server.close(0);
  daemon.journal.close();
  await rig[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any -- looked at field by field
}

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${server.urls[0]}${path}`, { method, ...sent });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
}

describe("a model", () => {
  test("is registered, looked at, verified, retired and removed, with a / in its id", async () => {
    rig.write("a.gguf", "hello");
    const made = await ask("POST", MODELS, { id: "org/a", digest: digestOf("hello"), source_url: "a.gguf", tags: ["x"], license: "MIT" });
    const path = `${MODELS}/org%2Fa`;
    expect([made.status, made.headers.get("location")]).toEqual([201, path]);
    expect(await ask("GET", path)).toMatchObject({ status: 200, body: { id: "org/a", license: "MIT", state: "Active", tags: ["x"] } });
    expect(await ask("POST", `${path}/verify`)).toMatchObject({ status: 202, body: { verification: { status: "verifying" } } });
    await rig.settled("org/a");
    expect((await ask("GET", path)).body.verification).toEqual({ status: "verified", bytes_done: 5, bytes_total: 5 });
    expect(await ask("POST", `${path}/fetch`)).toMatchObject({ status: 202, body: { fetch: { status: "present" } } });
    expect(await ask("POST", `${path}/state`, { state: "Retired" })).toMatchObject({ status: 200, body: { state: "Retired" } });
    expect((await ask("GET", MODELS)).body.models).toHaveLength(1);
    expect((await ask("GET", "/v2/catalog/availability")).body).toMatchObject({ total_models: 1, single_node_models: ["org/a"] });
    expect(await ask("DELETE", path)).toMatchObject({ status: 204, body: undefined });
    expect(await ask("GET", path)).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
  });

  test("of an id that is there is a conflict", async () => {
    const body = { id: "twice", source_url: "a.gguf" };
    expect((await ask("POST", MODELS, body)).status).toBe(201);
    expect(await ask("POST", MODELS, body)).toMatchObject({ status: 409, body: { code: "CONFLICT", retriable: false } });
  });
});

test("a list comes whole, or page by page", async () => {
  const some = ["page/a", "page/b", "page/c"];
  for (const id of some) await ask("POST", MODELS, { id, source_url: "a.gguf" });
  const whole = (await ask("GET", MODELS)).body;
  expect(Object.keys(whole)).toEqual(["models"]);
  const paged: unknown[] = [];
  let next: string | undefined = `${MODELS}?limit=2`;
  while (next !== undefined) {
    const { status, headers, body }: Answer = await ask("GET", next);
    expect([status, body.models.length <= 2]).toEqual([200, true]);
    paged.push(...body.models);
    next = /^<([^>]+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1];
    expect(next?.includes(body.next_cursor) ?? body.next_cursor === undefined).toBe(true);
  }
  expect(paged).toEqual(whole.models);
  for (const query of ["limit=0", "limit=501", "cursor=x", "limits=1"])
    expect((await ask("GET", `${MODELS}?${query}`)).body.code).toBe("INVALID_PARAMS");
  for (const id of some) await ask("DELETE", `${MODELS}/${encodeURIComponent(id)}`);
});

describe("what is wrong is said", () => {
  const fine = { id: "b", source_url: "a.gguf" };
  test.each([
    [{ ...fine, id: "" }],
    [{ ...fine, id: "../b" }],
    [{ ...fine, id: "a//b" }],
    [{ ...fine, id: "-b" }],
    [{ ...fine, id: "x".repeat(201) }],
    [{ ...fine, digest: "sha256:abc" }],
    [{ ...fine, digest: `md5:${"0".repeat(32)}` }],
    [{ ...fine, tags: "x" }],
    [{ ...fine, state: "active" }],
    [{ ...fine, source_url: undefined }],
    [{ ...fine, source_url: "file:///etc/passwd" }],
    [{ ...fine, source_url: "http://169.254.169.254/latest" }],
    [{ ...fine, source_url: "http://127.0.0.1:1/x" }],
    [{ ...fine, note: "x".repeat(70_000) }],
    [[]],
    [undefined],
  ])("%j", async (body) => {
    const { status, headers, body: problem } = await ask("POST", MODELS, body);
    expect([status, problem.code, headers.get("content-type")]).toEqual([400, "INVALID_PARAMS", "application/problem+json"]);
  });

  test("of the state, of what is not there, and of methods", async () => {
    await ask("POST", MODELS, { id: "c", source_url: "a.gguf" });
    for (const body of [{ state: "Gone" }, {}, undefined, { state: "Active", more: 1 }])
      expect((await ask("POST", `${MODELS}/c/state`, body)).body.code).toBe("INVALID_PARAMS");
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/verify"],
      ["POST", "/fetch"],
    ])
      // prettier-ignore
      expect((await ask(method ?? "", `${MODELS}/nobody${path}`)).body.code).toBe("NOT_FOUND");
    expect((await ask("POST", `${MODELS}/nobody/state`, { state: "Active" })).body.code).toBe("NOT_FOUND");
    expect((await ask("PUT", `${MODELS}/c`, {})).status).toBe(405);
  });

  test("__proto__ is a name like any other, and an id is only ever an id", async () => {
    const made = await ask("POST", MODELS, JSON.parse('{"id": "constructor", "source_url": "a.gguf", "__proto__": {"state": "Retired"}}'));
    expect([made.status, made.body?.state ?? made.body?.code]).toEqual(made.status === 201 ? [201, "Active"] : [400, "INVALID_PARAMS"]);
    expect((await ask("GET", `${MODELS}/toString`)).status).toBe(404);
  });
});
