import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { FakeClock, systemClock } from "../../kernel/clock.ts";
import type { HttpProbe } from "../health.ts";
import { runCommand } from "../command.ts";
import { commandProbe } from "./command.ts";
import { parseAnswer } from "./http-exchange.ts";
import { httpProbe } from "./http.ts";
import { tcpProbe } from "./tcp.ts";

const ports = { clock: systemClock(), timeoutMs: 1000 };
const { signal } = new AbortController();
const spec: HttpProbe = { url: "", expectStatus: [{ from: 200, to: 399 }], method: "GET", headers: {} };
const place = { cwd: "/", env: { PATH: "/usr/bin:/bin" } };

function http(over: Partial<HttpProbe>, timeoutMs = 1000) {
  return httpProbe({ ...spec, ...over }, { ...ports, timeoutMs })(signal);
}

function serve(options: { fetch: (request: Request) => Response | Promise<Response> }): Disposable & { readonly port: number | undefined } {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, ...options });
  return { port: server.port, [Symbol.dispose]: () => void server.stop(true) };
}

/** A server that says what it is told to and nothing else. */
function raw(answer: string) {
  return Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void socket.end(answer) } });
}

test("http: method, headers, host and path as declared; a redirect is an answer", async () => {
  const seen: string[] = [];
  using server = serve({
    fetch(request) {
      seen.push(
        `${request.method} ${new URL(request.url).pathname} ${request.headers.get("host")} ${request.headers.get("x-a")} ${request.headers.get("authorization")}`,
      );
      return new Response(null, { status: 302, headers: { location: "/elsewhere" } });
    },
  });
  const url = `http://me:pw@localhost:${server.port}/up`;
  expect(await http({ url, method: "HEAD", headers: { "X-A": "b", Host: "svc.test" } })).toMatchObject({
    ok: true,
    detail: expect.stringMatching(/^302 Found \/up/),
  });
  expect(seen).toEqual([`HEAD /up svc.test b Basic ${btoa("me:pw")}`]);
});

test("http: an answer as expected is told with the average of recent latencies, another with its own", async () => {
  const clock = new FakeClock();
  let answer = { afterMs: 10, status: 200 };
  using server = serve({
    fetch: async () => {
      await clock.advance(answer.afterMs);
      return new Response(null, { status: answer.status });
    },
  });
  const probe = httpProbe({ ...spec, url: `http://127.0.0.1:${server.port}/health` }, { clock, timeoutMs: 1000 });
  const after = async (afterMs: number, status = 200): Promise<string> => {
    answer = { afterMs, status };
    return (await probe(signal)).detail;
  };
  expect([await after(10), await after(40), await after(90, 503), await after(40)]).toEqual([
    "200 OK /health (avg 10ms)",
    "200 OK /health (avg 25ms)",
    "503 Service Unavailable /health (90ms)",
    "200 OK /health (avg 30ms)",
  ]);
  for (let times = 0; times < 9; times++) await after(100);
  expect(await after(100)).toBe("200 OK /health (avg 100ms)");
});

test("http: bodyPattern is looked for in the first 64 KiB, chunked or not", async () => {
  using server = serve({
    fetch: (request) =>
      request.url.endsWith("long")
        ? new Response("x".repeat(100_000) + "status: ok")
        : new Response(async function* () {
            yield "stat";
            yield "us: ok é";
          }),
  });
  const url = `http://127.0.0.1:${server.port}`;
  expect(await http({ url: `${url}/`, bodyPattern: "^status: ok é$" })).toMatchObject({ ok: true });
  expect(await http({ url: `${url}/long`, bodyPattern: "status: ok" })).toMatchObject({
    ok: false,
    detail: expect.stringContaining('200 OK /long without "status: ok"'),
  });
});

test("http: what is not an answer", async () => {
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const url = (server: { port: number }): string => `http://127.0.0.1:${server.port}/`;
  expect((await http({ url: url(silent) }, 30)).detail).toBe(`http GET ${url(silent)} timed out after 30ms`);
  const garbage = raw("hello\r\n\r\n");
  expect((await http({ url: url(garbage) })).detail).toBe(`http GET ${url(garbage)} failed: not an HTTP answer`);
  const empty = raw("");
  expect((await http({ url: url(empty) })).detail).toBe(`http GET ${url(empty)} failed: closed without an answer`);
  expect((await http({ url: "http://no-such-host.invalid/" }, 15_000)).detail).toContain("does not resolve");
  for (const server of [silent, garbage, empty]) server.stop(true);
});

test("http: an answer is understood however it is cut", () => {
  const whole = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n";
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), (length) => {
      const cut = parseAnswer(whole.slice(0, length), { wantsBody: true, closed: false });
      expect(cut === undefined || cut.body === "wikipedia").toBe(true);
    }),
  );
  expect(parseAnswer(whole, { wantsBody: true, closed: false })).toEqual({ status: 200, reason: "OK", body: "wikipedia" });
});

test("tcp: open, refused, not an address", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const tcp = (address: string) => tcpProbe({ address }, ports)(signal);
  expect(await tcp(`127.0.0.1:${server.port}`)).toMatchObject({ ok: true, detail: `tcp connect 127.0.0.1:${server.port} ok` });
  server.stop(true);
  expect(await tcp("127.0.0.1:1")).toMatchObject({ ok: false, detail: "tcp connect 127.0.0.1:1 refused" });
  expect(await tcp("nonsense")).toMatchObject({ ok: false });
});

test("cmd: exit code and the end of its output", async () => {
  const probe = (command: string[], timeoutMs?: number) =>
    commandProbe(
      { command, ...(timeoutMs !== undefined && { timeoutMs }) },
      { ...ports, run: (run) => runCommand({ ...run, ...place, clock: ports.clock }) },
    )(signal);
  expect(await probe(["true"])).toMatchObject({ ok: true, detail: "cmd true exit 0" });
  expect(await probe(["sh", "-c", "echo no database >&2; exit 2"])).toMatchObject({ ok: false, detail: "cmd sh exit 2: no database" });
  expect((await probe(["sh", "-c", "seq 100000"])).detail.length).toBeLessThan(4200);
  expect(await probe(["sleep", "3600"], 30)).toMatchObject({ ok: false, detail: "cmd sleep timed out after 30ms" });
  expect(await probe(["no-such-probe"])).toMatchObject({ ok: false, detail: expect.stringContaining("not found in PATH") });
});
