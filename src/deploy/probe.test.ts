import { afterEach, expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import { readAnswer } from "./probe-answer.ts";
import { type HealthPoll, pollHealth } from "./probe.ts";

const open: { stop(force: boolean): unknown }[] = [];
const never = new Promise<never>(() => undefined);

afterEach(() => {
  for (const server of open.splice(0)) server.stop(true);
});

/** A server that says what it is told, once a connection has asked; `undefined`: nothing. */
function raw(answers: (asked: number) => string | undefined): { port: number; requests: string[] } {
  const requests: string[] = [];
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket, chunk) => {
        requests.push(chunk.toString());
        const answer = answers(requests.length);
        if (answer !== undefined) socket.end(answer);
      },
    },
  });
  open.push(server);
  return { port: server.port, requests };
}

function poll(port: number, over: Partial<HealthPoll> = {}) {
  return pollHealth({ port, path: "/healthz", timeoutMs: 500, intervalMs: 20, ended: never, clock: systemClock(), ...over });
}

async function closedPort(): Promise<number> {
  const { port } = raw(() => undefined);
  open.pop()?.stop(true);
  return port;
}

test("2xx is healthy, after as many tries as it takes", async () => {
  const { port, requests } = raw((asked) => (asked < 3 ? "HTTP/1.1 503 Busy\r\n\r\n" : "HTTP/1.1 204 No Content\r\n\r\n"));
  expect(await poll(port, { timeoutMs: 5000, intervalMs: 1, path: "/up?full=1" })).toEqual({ ok: true, status: 204, tries: 3 });
  expect(requests[0]).toStartWith(`GET /up?full=1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`);
});

test("a failure carries the last answer", async () => {
  const { port } = raw(() => "HTTP/1.1 500 \u001b[31mOh\r\nContent-Length: 8\r\n\r\ndb\u0007 down");
  expect(await poll(port)).toEqual({
    ok: false,
    detail: `/healthz on port ${port} did not answer 2xx within 500ms: it answers 500 Oh`,
    status: 500,
    body: "db down",
  });
});

test("redirects are answers", async () => {
  const { port } = raw(() => "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n");
  const outcome = await poll(port);
  expect(outcome).toMatchObject({ ok: false, status: 302, location: "/login" });
  expect(outcome).toMatchObject({ detail: expect.stringContaining("it answers 302 Found to /login, and redirects are not followed") });
});

test("why nothing came is said", async () => {
  const detailOf = async (port: number): Promise<string> => {
    const outcome = await poll(port);
    return outcome.ok ? "ok" : outcome.detail.replace(/^.*500ms: /, "");
  };
  const closed = await closedPort();
  expect(await detailOf(closed)).toBe(`nobody listens on port ${closed} (connection refused)`);
  expect(await detailOf(raw(() => undefined).port)).toBe("the connection was taken, but no answer came");
  expect(await detailOf(raw(() => "").port)).toBe("the connection was closed without an answer");
  expect(await detailOf(raw(() => "<html>hello").port)).toBe('the answer is not HTTP/1.1: it begins with "<html>hello"');
  expect(await detailOf(raw(() => "HTTP/2.0 200 OK\r\n\r\n").port)).toContain('begins with "HTTP/2.0 200 OK"');
  expect(await detailOf(raw(() => "HTTP/1.1 200").port)).toBe('the connection was closed within the head of the answer: "HTTP/1.1 200"');
  expect(await detailOf(raw(() => "\u0015\u0003\u0001\u0000\u0002").port)).toContain("speaks TLS");
});

test("a flood is cut off, and shown in part", async () => {
  let sent = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            sent += 65_536;
            controller.enqueue("x".repeat(65_536));
          },
        }),
        { status: 500 },
      ),
  });
  open.push(server);
  const outcome = await poll(server.port ?? 0, { intervalMs: 100 });
  expect(outcome).toMatchObject({ ok: false, status: 500, body: `${"x".repeat(1023)}…` });
  expect(sent).toBeLessThan(50 * 1024 * 1024);
  const head = raw(() => `HTTP/1.1 200 OK\r\nX: ${"y".repeat(20_000)}`);
  expect(await poll(head.port)).toMatchObject({ detail: expect.stringContaining("the head of the answer is larger than 16384 bytes") });
});

test("a process that ends fails at once, and an abort rejects", async () => {
  const closed = await closedPort();
  const outcome = await poll(closed, { timeoutMs: 60_000, ended: Promise.resolve() });
  expect(outcome).toEqual({ ok: false, detail: "the process ended before it answered 2xx" });
  const abort = new AbortController();
  const polling = poll(raw(() => undefined).port, { timeoutMs: 60_000, signal: abort.signal });
  abort.abort(new Error("no longer wanted"));
  expect(polling).rejects.toThrow("no longer wanted");
  expect(poll(closed, { signal: abort.signal })).rejects.toThrow("no longer wanted");
});

test("a connection that hangs does not keep others from trying", async () => {
  const { port, requests } = raw((asked) => (asked === 1 ? undefined : "HTTP/1.1 200 OK\r\n\r\n"));
  const clock = new FakeClock();
  const polling = poll(port, { timeoutMs: 10_000, clock });
  await until("the first try to hang", () => requests.length === 1);
  await clock.advance(1000);
  expect(await polling).toEqual({ ok: true, status: 200, tries: 2 });
});

test("a body that never ends does not hide the answer", async () => {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.write("HTTP/1.1 500 No\r\n\r\nstarting") },
  });
  open.push(server);
  expect(await poll(server.port, { timeoutMs: 250 })).toMatchObject({ status: 500, body: "starting" });
});

test("an answer that is slower than the interval counts", async () => {
  const release = Promise.withResolvers<void>();
  const slow = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async () => {
      await release.promise;
      return new Response("ok");
    },
  });
  open.push(slow);
  const polling = poll(slow.port ?? 0, { timeoutMs: 10_000 });
  release.resolve();
  expect(await polling).toMatchObject({ ok: true, tries: 1 });
});

test("informational answers announce the real one", () => {
  expect(readAnswer("HTTP/1.1 103 Early Hints\r\nLocation: /no\r\n\r\n", false)).toBeUndefined();
  expect(readAnswer("HTTP/1.1 103 Early Hints\r\nLocation: /no\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false)).toEqual({
    status: 200,
    reason: "OK",
    body: "",
  });
  expect(readAnswer("HTTP/1.1 abc\r\n\r\n", false)).toMatchObject({ problem: expect.stringContaining("not HTTP/1.1") });
});
