import { afterEach, describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { connect } from "node:net";
import { systemClock } from "../kernel/clock.ts";
import { OrcoError } from "../kernel/errors.ts";
import { assertSafeBind, isLoopback } from "./bind.ts";
import type { RequestRecord } from "./context.ts";
import { startTestServer, type TestServer } from "./daemon.fake.ts";

const KEY = "correct-horse-battery-staple";
let server: TestServer;
const start: typeof startTestServer = (...options) => (server = startTestServer(...options));

afterEach(() => server.dispose());

/** What fetch would not send: the raw answer to raw bytes. */
function raw(lines: readonly string[], body = ""): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let answer = "";
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () =>
    socket.write(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n${body}`),
  );
  socket
    .on("data", (chunk) => (answer += chunk.toString()))
    .on("close", () => resolve(answer))
    .on("error", reject);
  return promise;
}

async function statusWith(...headers: string[]): Promise<number> {
  return Number((await raw(["GET /stacks HTTP/1.1", ...headers])).split(" ")[1]);
}

describe("Host on a loopback listener", () => {
  test("our own names pass, with any port", async () => {
    start(systemClock());
    for (const host of ["localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:9", "127.9.9.9", "[::1]", "[::1]:7070"]) {
      expect(`${host} ${await statusWith(`Host: ${host}`)}`).toBe(`${host} 200`);
    }
  });

  test("names that rebinding brings are forbidden", async () => {
    start(systemClock());
    for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.168.0.1", "0.0.0.0", "[::2]", "2130706433"]) {
      expect(`${host} ${await statusWith(`Host: ${host}`)}`).toBe(`${host} 403`);
    }
  });

  test("none, several or malformed ones are refused", async () => {
    start(systemClock());
    expect(await statusWith("Host: localhost", "Host: evil.example")).toBe(400);
    for (const host of ["localhost, evil.example", "user@localhost", "localhost/x", ""])
      expect(`${host} ${await statusWith(`Host: ${host}`)}`).toBe(`${host} 400`);
    expect((await raw(["GET /stacks HTTP/1.0"])).split(" ")[1]).toBe("400");
  });
});

describe("Origin", () => {
  const listed = "https://ops.example";

  test("ours and listed ones pass; any other is forbidden, reads included", async () => {
    start(systemClock(), { corsOrigins: [listed] });
    const own = server.url;
    for (const [origin, status] of [
      [own, 200],
      [own.replace("http", "https"), 200],
      [listed, 200],
      ["https://ops.example.evil", 403],
      ["https://OPS.example", 403],
      ["null", 403],
      ["http://localhost:1", 403],
      ["file://", 403],
    ] as const) {
      const response = await fetch(`${server.url}/stacks`, { headers: { origin } });
      expect(`${origin} ${response.status}`).toBe(`${origin} ${status}`);
      expect(response.headers.get("access-control-allow-origin")).toBe(origin === listed ? listed : null);
    }
  });

  test("a foreign mutation changes nothing", async () => {
    start(systemClock());
    const response = await fetch(`${server.url}/stacks/demo/services/api/restart`, {
      method: "POST",
      headers: { origin: "https://evil.example" },
    });
    expect(response.status).toBe(403);
    expect(server.daemon.acts).toEqual([]);
  });

  test("a preflight of a listed origin needs no key and names headers; of another it is forbidden", async () => {
    start(systemClock(), { corsOrigins: [listed], apiKey: KEY });
    const preflight = (origin: string) =>
      fetch(`${server.url}/stacks/demo`, { method: "OPTIONS", headers: { origin, "access-control-request-method": "PUT" } });
    const allowed = await preflight(listed);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(listed);
    expect(allowed.headers.get("access-control-allow-headers")).toContain("Last-Event-ID");
    expect(allowed.headers.get("access-control-allow-headers")).toContain("Authorization");
    expect(allowed.headers.get("vary")).toContain("Origin");
    expect((await preflight("https://evil.example")).status).toBe(403);
  });
});

describe("bodies", () => {
  const put = (body: string, headers: Record<string, string>) => fetch(`${server.url}/stacks/demo`, { method: "PUT", body, headers });
  const json = { "content-type": "application/json" };
  const good = JSON.stringify({ source: "version: 0.1", workdir: "/tmp", env: {} });

  test("other types are 415, also what a form can send", async () => {
    start(systemClock());
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/json; charset=latin1",
      "x",
    ]) {
      expect(`${type} ${(await put(good, { "content-type": type })).status}`).toBe(`${type} 415`);
    }
    expect((await put(good, { "content-type": "application/json; charset=utf-8" })).status).toBe(200);
  });

  test("YAML needs its folder, and then arrives as it is", async () => {
    start(systemClock());
    const yaml = { "content-type": "application/yaml" };
    const refused = await put("version: 0.1", yaml);
    expect(refused.status).toBe(400);
    expect(((await refused.json()) as { detail: string }).detail).toContain("?workdir=");
    const response = await fetch(`${server.url}/stacks/demo?workdir=/srv/demo`, { method: "PUT", body: "version: 0.1\n", headers: yaml });
    expect(response.status).toBe(200);
    expect(server.daemon.puts).toEqual([{ name: "demo", body: { source: "version: 0.1\n", workdir: "/srv/demo", env: {} } }]);
  });

  test("malformed, deep, prototype keys and unknown fields are 400; duplicate keys are not", async () => {
    start(systemClock());
    const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    for (const body of [
      "{",
      deep(65),
      deep(400_000),
      '{"__proto__": {"a": 1}}',
      '{"source": {"__proto__": 1}}',
      '{"source": 1}',
      good.replace("{", '{"extra": 1,'),
    ]) {
      const response = await put(body, json);
      expect(`${body.slice(0, 30)} ${response.status}`).toBe(`${body.slice(0, 30)} 400`);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
    }
    expect((await put(good.replace("{", '{"source": "first",'), json)).status).toBe(200);
    expect(server.daemon.puts[0]?.body.source).toBe("version: 0.1");
  });

  test("findings point into the body", async () => {
    start(systemClock());
    const response = await put(JSON.stringify({ source: "x", workdir: "relative", env: { "a/b": 1 } }), json);
    const { errors } = (await response.json()) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer).toSorted()).toEqual(["/env/a~1b", "/workdir"]);
  });

  test("too large is 413, announced or not", async () => {
    start(systemClock());
    const post = (body: string | ReadableStream<Uint8Array>) =>
      fetch(`${server.url}/stacks/demo/services/api/scale`, { method: "POST", body, headers: json });
    const big = `{"replicas": 1, "x": "${"x".repeat(1024 * 1024)}"}`;
    const chunks = new ReadableStream({
      start(controller) {
        for (let n = 0; n < 20; n++) controller.enqueue(new TextEncoder().encode(" ".repeat(100_000)));
        controller.close();
      },
    });
    for (const body of [big, chunks]) {
      const response = await post(body);
      expect(response.status).toBe(413);
      expect(((await response.json()) as { code: string }).code).toBe("too_large");
    }
    expect((await put(JSON.stringify({ source: "x".repeat(4 * 1024 * 1024 + 1), workdir: "/", env: {} }), json)).status).toBe(413);
    expect((await put("x".repeat(50_000_000), json)).status).toBe(413);
  });

  test("a misspelt or doubled flag is refused, not ignored", async () => {
    start(systemClock());
    for (const query of ["dryrun=true", "dry_run=yes", "dry_run=true&dry_run=false"]) {
      const response = await fetch(`${server.url}/stacks/demo?${query}`, { method: "PUT", body: good, headers: json });
      expect(`${query} ${response.status}`).toBe(`${query} 400`);
    }
    expect(server.daemon.puts).toEqual([]);
  });
});

describe("methods", () => {
  test("a wrong method is 405 with Allow, OPTIONS names them, HEAD has no body", async () => {
    start(systemClock());
    const wrong = await fetch(`${server.url}/stacks/demo`, { method: "POST" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, PUT, DELETE, OPTIONS"]);
    const options = await fetch(`${server.url}/runs`, { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "POST, GET, HEAD, OPTIONS"]);
    for (const path of ["/health", "/stacks", "/events", "/stacks/demo/logs?follow"]) {
      const head = await fetch(`${server.url}${path}`, { method: "HEAD", headers: { accept: "text/event-stream" } });
      expect(`${path} ${head.status} ${await head.text()}`).toBe(`${path} 200 `);
    }
  });
});

describe("rate limit", () => {
  test("says what is left, then 429; monitoring and the socket are not counted", async () => {
    start(systemClock(), { rateLimit: { windowMs: 60_000, max: 3 } });
    for (const left of [2, 1, 0]) {
      const response = await fetch(`${server.url}/version`);
      expect(response.headers.get("ratelimit")).toMatch(new RegExp(`^"default";r=${left};t=\\d+$`));
      expect(response.headers.get("ratelimit-policy")).toBe('"default";q=3;w=60');
    }
    const over = await fetch(`${server.url}/version`, { headers: { "x-forwarded-for": "9.9.9.9" } });
    expect(over.status).toBe(429);
    expect(Number(over.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(((await over.json()) as { code: string }).code).toBe("rate_limited");
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    expect((await fetch("http://localhost/version", { unix: server.socket })).status).toBe(200);
  });

  test("wrong keys are limited as well and lock nobody out who has the right one", async () => {
    start(systemClock(), { apiKey: KEY, rateLimit: { windowMs: 60_000, max: 3 } });
    const ask = async (key: string) => (await fetch(`${server.url}/version`, { headers: { "x-api-key": key } })).status;
    expect([await ask("a"), await ask("b"), await ask("c"), await ask("d")]).toEqual([401, 401, 401, 429]);
    expect(await ask(KEY)).toBe(200);
  });
});

describe("request ids and the log", () => {
  test("a proper id is echoed, any other replaced", async () => {
    start(systemClock());
    const idOf = async (id: string) =>
      (await fetch(`${server.url}/health`, { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await idOf("trace-1.a_B")).toBe("trace-1.a_B");
    for (const bad of ["has space", "x".repeat(65), "<script>"]) expect(await idOf(bad)).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("one line a request, without query, key or body", async () => {
    const records: RequestRecord[] = [];
    start(systemClock(), { apiKey: KEY }, { log: (record) => records.push(record) });
    await fetch(`${server.url}/stacks?token=${KEY}`, { headers: { authorization: `bEaReR ${KEY}`, "x-request-id": "abc" } });
    await fetch(`${server.url}/stacks`, { headers: { "x-api-key": `${KEY}x` } });
    expect(records[0]).toMatchObject({
      request_id: "abc",
      method: "GET",
      path: "/stacks",
      status: 400,
      key: expect.stringMatching(/^[0-9a-f]{6}$/),
    });
    expect(records[1]).toMatchObject({ path: "/stacks", status: 401 });
    expect(JSON.stringify(records)).not.toContain(KEY);
  });
});

describe("binding", () => {
  test("the socket is for its owner alone, and goes away with the server", async () => {
    start(systemClock());
    expect(statSync(server.socket).mode & 0o777).toBe(0o600);
    await server.close();
    expect(() => statSync(server.socket)).toThrow();
  });

  test("a taken port is named", () => {
    start(systemClock());
    const port = Number(new URL(server.url).port);
    const second = () => startTestServer(systemClock(), { bind: { host: "127.0.0.1", port } });
    expect(second).toThrow(expect.objectContaining({ code: "port_in_use", message: `127.0.0.1:${port} is in use` }));
  });

  test("an address of the network without a key refuses", () => {
    start(systemClock());
    const check =
      (host: string, more: { apiKey?: string; allowAnonymous?: boolean } = {}) =>
      () =>
        assertSafeBind({ bind: { host, port: 1 }, allowAnonymous: false, ...more });
    for (const host of ["0.0.0.0", "::", "192.168.1.2", "example.com", "127.0.0.1.nip.io"]) expect(check(host)).toThrow(OrcoError);
    for (const host of ["127.0.0.1", "::1", "[::1]", "localhost", "127.8.8.8"]) expect(check(host)).not.toThrow();
    expect(check("0.0.0.0", { apiKey: KEY })).not.toThrow();
    expect(check("0.0.0.0", { allowAnonymous: true })).not.toThrow();
    expect(check("127.0.0.1", { apiKey: "short" })).toThrow(OrcoError);
    expect(isLoopback("127.0.0.1.nip.io")).toBe(false);
  });

  test("an open door that was asked for shows in /ready", async () => {
    start(systemClock(), { bind: { host: "0.0.0.0", port: 0 }, allowAnonymous: true });
    const response = await fetch("http://localhost/ready", { unix: server.socket });
    expect(JSON.stringify(await response.json())).toContain("without an API key");
  });

  test("over TCP without a key nobody ends the daemon", async () => {
    start(systemClock());
    expect((await fetch(`${server.url}/shutdown`, { method: "POST" })).status).toBe(403);
    expect((await fetch("http://localhost/shutdown", { method: "POST", unix: server.socket })).status).toBe(200);
    expect(server.daemon.shutdowns).toBe(1);
  });
});
