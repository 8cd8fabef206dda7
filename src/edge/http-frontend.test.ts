import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { FakeClock } from "../kernel/clock.ts";
import { answer, EdgeFixture, request } from "./http/frontend-fixture.ts";

test("a worker that leaves says so with its next answer", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const target = await edge.target.next();
  target.write(answer("one"));
  await client.until("one");
  edge.frontend.retire();
  client.write(request("GET /two HTTP/1.1"));
  await target.until("GET /two");
  target.write(answer("two"));
  expect(await client.untilEnd()).toEndWith("Connection: close\r\n\r\ntwo");
  client.end();
  await until("nobody is left", () => edge.frontend.connections === 0);
});

test("a worker that leaves ends what has idled for a second, and lets requests end", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const idle = edge.ask();
  const first = await edge.target.next();
  first.write(answer("one"));
  await idle.until("one");
  const busy = edge.ask("GET /slow HTTP/1.1");
  await first.until("GET /slow");
  edge.frontend.retire();
  await clock.advance(1_200);
  await idle.untilEnd();
  expect(busy.closed).toBe(false);
  first.write(answer("slow"));
  expect(await busy.untilEnd()).toEndWith("Connection: close\r\n\r\nslow");
});

test("what is left is cut", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const target = await edge.target.next();
  target.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  await client.until("hello");
  edge.pool.cutAll();
  edge.frontend.cutAll();
  await client.until((peer) => peer.closed);
  expect(client.error).toBe("ECONNRESET");
  expect(edge.frontend.connections).toBe(0);
  expect(edge.stats).toMatchObject({ inFlight: 0, connections: 0 });
});

test("the record of a request names everything but its query", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("POST /buy?token=secret HTTP/1.1", "User-Agent: shop/1", "X-Request-Id: mine-7", "Content-Length: 4");
  client.write("abcd");
  const target = await edge.target.next();
  await target.until("abcd");
  target.write(answer("thanks"));
  await client.until("thanks");
  const [record] = edge.records;
  expect(record).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    client: "127.0.0.1",
    method: "POST",
    host: "a.example",
    path: "/buy",
    status: 200,
    bytes_in: 4,
    bytes_out: 6,
    duration_ms: expect.any(Number),
    request_id: "mine-7",
    user_agent: "shop/1",
    upstream: `127.0.0.1:${edge.target.port}`,
    target: "t1",
    front: "pool",
    retries: 0,
  });
});

test("forwarding headers are believed of a trusted proxy only", async () => {
  const spoofed = ["GET / HTTP/1.1", "X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https", "Forwarded: for=9.9.9.9"];
  for (const trustedProxies of [[], ["127.0.0.0/8"]]) {
    using edge = await EdgeFixture.start({ trustedProxies });
    edge.ask(...spoofed);
    const { text } = await edge.target.next();
    const believed = trustedProxies.length > 0;
    expect(text).toContain(`\r\nX-Forwarded-For: ${believed ? "9.9.9.9, " : ""}127.0.0.1\r\n`);
    expect(text).toContain(`\r\nX-Forwarded-Proto: ${believed ? "https" : "http"}\r\n`);
    expect(text.includes("Forwarded: for=9.9.9.9")).toBe(believed);
  }
});

test("a client of a sticky front stays with the target it met first", async () => {
  using edge = await EdgeFixture.start({ targets: 2, front: { sticky: { cookie: "seat" } } });
  for (const target of edge.targets) void serveAll(target);
  const first = edge.ask("GET / HTTP/1.1", "Connection: close");
  const text = await first.untilEnd();
  const cookie = /\r\nSet-Cookie: (seat=[^;]+); Path=\/; HttpOnly; SameSite=Lax\r\n/.exec(text)?.[1] ?? "";
  expect(cookie).not.toBe("");
  const who = text.split("\r\n\r\n")[1] ?? "";
  for (let n = 0; n < 4; n++) {
    const again = await edge.ask("GET / HTTP/1.1", `Cookie: a=b; ${cookie}`, "Connection: close").untilEnd();
    expect(again).toEndWith(`\r\n\r\n${who}`);
    expect(again).not.toContain("Set-Cookie");
  }
});

/** Answers every request with the id of the target. */
async function serveAll(target: EdgeFixture["target"]): Promise<void> {
  for (;;) {
    const peer = await target.nextConnection();
    peer.socket.on("data", () => peer.write(answer(target.id)));
  }
}

test("hosts of one listener go to their own fronts", async () => {
  using edge = await EdgeFixture.start({ targets: 1, front: { hosts: ["*.example"] } });
  const client = edge.connect();
  client.write("GET / HTTP/1.1\r\nHost: B.EXAMPLE:8080\r\n\r\n");
  const target = await edge.target.next();
  expect(target.text).toContain("\r\nHost: B.EXAMPLE:8080\r\n");
  target.write(answer("b"));
  await client.until("b");
});
