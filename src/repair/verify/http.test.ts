import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { FakeClock, systemClock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { freePort } from "../../../test/free-port.ts";
import { ask, type Ask, type HttpCheck } from "./http.ts";

const seen: { method: string; url: string; authorization: string | null; host: string | null; body: string }[] = [];
let web: Bun.Server<undefined>;

beforeAll(() => {
  web = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const { headers, method } = request;
      seen.push({
        method,
        url: pathname + search,
        authorization: headers.get("authorization"),
        host: headers.get("host"),
        body: await request.text(),
      });
      if (pathname === "/moved") return Response.redirect("http://elsewhere.test/?token=s3cret", 302);
      if (pathname === "/sick") return new Response("database \u001b[31maway", { status: 503 });
      if (pathname === "/items") return Response.json({ items: [1, 2] }, { status: 201 });
      if (pathname === "/large") return new Response(`${"x".repeat(2 * 1024 * 1024)}needle`);
      if (pathname === "/in-time") return new Response(`${"x".repeat(900 * 1024)}needle`);
      return new Response("fine");
    },
  });
});
afterAll(() => web.stop(true));

function asked(check: Partial<HttpCheck> & { path?: string }, more: Partial<Ask> = {}) {
  const { path = "/health", ...rest } = check;
  return ask(
    { method: "GET", url: `http://127.0.0.1:${web.port}${path}`, ...rest },
    { clock: systemClock(), signal: new AbortController().signal, leftMs: 5000, ...more },
  );
}

/** A server of few words. */
async function raw(onSocket: (socket: Socket) => void): Promise<{ port: number; end: () => Promise<void> }> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket.on("error", () => undefined));
    socket.once("data", () => onSocket(socket));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const end = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    await new Promise((done) => server.close(done));
  };
  return { port: (server.address() as { port: number }).port, end };
}

test("any 2xx is healthy unless another status is asked for; the answer is shown, but no redirect is followed and none is shown", async () => {
  expect(await asked({})).toEqual({ ok: true, detail: `GET http://127.0.0.1:${web.port}/health answers 200 OK` });
  expect(await asked({ status: 204 })).toMatchObject({ ok: false, detail: expect.stringContaining("answers 200 OK, not 204: fine") });
  expect((await asked({ path: "/sick" })).detail).toEndWith("answers 503 Service Unavailable, not 2xx: database away");
  expect(await asked({ path: "/sick", status: 503 })).toMatchObject({ ok: true });
  const moved = await asked({ path: "/moved" });
  expect(moved.detail).toContain("302 Found to elsewhere, and redirects are not followed");
  expect(moved.detail).not.toContain("s3cret");
});

test("an application check sends its body, and its pattern runs over the answer's", async () => {
  const post = { method: "POST", path: "/items?key=abc", body: '{"n":1}', status: 201, pattern: '"items":\\[\\d' };
  expect(await asked(post)).toMatchObject({ ok: true, detail: expect.stringMatching(/answers 201 Created and matches/) });
  expect(seen.at(-1)).toMatchObject({ method: "POST", url: "/items?key=abc", body: '{"n":1}' });
  const failed = await asked({ ...post, pattern: "nothing" });
  expect(failed).toMatchObject({ ok: false, final: true });
  expect(failed.detail).not.toContain("key=abc");
  expect(await asked({ path: "/items", status: 201, pattern: "nothing" })).not.toHaveProperty("final", true);
});

test("of a body one MiB is looked at", async () => {
  expect(await asked({ path: "/in-time", pattern: "needle" })).toMatchObject({ ok: true });
  expect(await asked({ path: "/large", pattern: "needle" })).toMatchObject({
    ok: false,
    detail: expect.stringContaining("the first MiB of its body does not match"),
  });
  const millions = await asked({ path: "/in-time", pattern: "(x+x+)+y" });
  expect(millions.ok).toBe(false);
});

test("user and password of the URL go into the request, and nowhere else", async () => {
  const look = await asked({ url: `http://ann:p%40ss@127.0.0.1:${web.port}/x?token=t0p` });
  expect(look).toEqual({ ok: true, detail: `GET http://127.0.0.1:${web.port}/x answers 200 OK` });
  expect(seen.at(-1)?.authorization).toBe(`Basic ${btoa("ann:p@ss")}`);
});

test("a host that docker knows is asked at its address, under its own name; localhost at each of its addresses", async () => {
  const hosts: string[] = [];
  const resolve = (host: string): Promise<string | undefined> => {
    hosts.push(host);
    return Promise.resolve(host === "api" ? "127.0.0.1" : undefined);
  };
  expect(await asked({ url: `http://api:${web.port}/health` }, { resolve })).toMatchObject({ ok: true });
  expect(seen.at(-1)?.host).toBe(`api:${web.port}`);
  expect(await asked({ url: `http://localhost:${web.port}/health` }, { resolve })).toMatchObject({ ok: true });
  expect(hosts).toEqual(["api", "localhost"]);
});

test("where clouds hand out credentials nobody asks, by whatever name and in whatever writing", async () => {
  const refused = [
    "http://169.254.169.254/latest",
    "http://[::ffff:a9fe:a9fe]/",
    "http://0xa9fea9fe/",
    "http://[fe80::1]/",
    "http://100.100.100.200/",
  ];
  for (const url of refused) expect([url, await asked({ url })]).toMatchObject([url, { ok: false, final: true }]);
  const resolve = (): Promise<string> => Promise.resolve("169.254.169.254");
  expect(await asked({ url: "http://api/health" }, { resolve })).toMatchObject({
    ok: false,
    final: true,
    detail: expect.stringContaining("never asked"),
  });
  expect(await asked({ url: "file:///etc/passwd" })).toMatchObject({ ok: false, final: true });
});

test("what is no answer is told as what it is", async () => {
  const closed = freePort();
  expect((await asked({ url: `http://127.0.0.1:${closed}/` })).detail).toEndWith("/: the connection was refused");
  const cases: readonly [string, RegExp][] = [
    ["", /closed without an answer/],
    ["SSH-2.0-OpenSSH\r\n\r\n", /not HTTP\/1.1: it begins with "SSH/],
    ["HTTP/1.1 200 OK\r\n", /not HTTP/],
  ];
  for (const [text, why] of cases) {
    const server = await raw((socket) => socket.end(text));
    expect((await asked({ url: `http://127.0.0.1:${server.port}/` })).detail).toMatch(why);
    await server.end();
  }
  const endless = await raw((socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`));
  expect((await asked({ url: `http://127.0.0.1:${endless.port}/` })).detail).toContain("head of the answer is larger");
  await endless.end();
});

test("bodies are read however they end: by length, in chunks, at the close of the connection, or after 100 Continue", async () => {
  const answers = [
    "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nneedle",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nnee\r\n3\r\ndle\r\n0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nneedle",
  ];
  for (const text of answers) {
    // It leaves the connection open: the end is in the answer.
    const server = await raw((socket) => text.split("").forEach((char) => socket.write(char)));
    expect(await asked({ url: `http://127.0.0.1:${server.port}/`, pattern: "^needle$" })).toMatchObject({ ok: true });
    await server.end();
  }
  const server = await raw((socket) => socket.end("HTTP/1.0 200 OK\r\n\r\nneedle"));
  expect(await asked({ url: `http://127.0.0.1:${server.port}/`, pattern: "^needle$" })).toMatchObject({ ok: true });
  await server.end();
});

test("one that hangs is given up after 5 s, or as much time as there is; an abort ends it at once", async () => {
  const heard = Promise.withResolvers<void>();
  const server = await raw(() => heard.resolve());
  const clock = new FakeClock();
  const look = asked({ url: `http://127.0.0.1:${server.port}/` }, { clock, leftMs: 2000 });
  await heard.promise;
  await clock.advance(1999);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(1);
  expect((await look).detail).toEndWith("no answer within 2s");
  const stop = new AbortController();
  const other = asked({ url: `http://127.0.0.1:${server.port}/` }, { signal: stop.signal });
  stop.abort(new Error("stopped"));
  expect(await other.catch((error: unknown) => String(error))).toBe("Error: stopped");
  await server.end();
});

test("a certificate that nobody trusts is no obstacle", async () => {
  const { cert, key } = await selfSigned();
  const tls = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: { cert, key }, fetch: () => new Response("fine") });
  const resolve = (): Promise<string> => Promise.resolve("127.0.0.1");
  expect(await asked({ url: `https://api:${tls.port}/health` }, { resolve })).toMatchObject({ ok: true });
  await tls.stop(true);
});

async function selfSigned(): Promise<{ cert: string; key: string }> {
  const made = Bun.spawn(
    [
      "openssl",
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-subj",
      "/CN=api",
      "-keyout",
      "-",
      "-out",
      "-",
    ],
    { stdout: "pipe", stderr: "ignore" },
  );
  const text = await new Response(made.stdout).text();
  const block = (name: RegExp): string => name.exec(text)?.[0] ?? "";
  return {
    key: block(/-----BEGIN PRIVATE KEY-----[\s\S]+?END PRIVATE KEY-----/),
    cert: block(/-----BEGIN CERT[\s\S]+?END CERTIFICATE-----/),
  };
}

test("while docker does not say where a service is, another look may be told", async () => {
  const resolve = (): Promise<string> => Promise.reject(new OrcoError("docker_unavailable", "docker is away"));
  const look = await asked({ url: "http://api/health" }, { resolve });
  expect(look).toMatchObject({ ok: false, detail: "GET http://api/health: docker is away" });
  expect(look.final).toBeUndefined();
});
