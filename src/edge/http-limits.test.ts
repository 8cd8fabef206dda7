import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { FakeClock } from "../kernel/clock.ts";
import { active, answer, EdgeFixture, request } from "./http/frontend-fixture.ts";
import { MAX_HELD } from "./route.ts";

const MIB = 1024 * 1024;

test("a request waits for a target, and is answered when there is one", async () => {
  using edge = await EdgeFixture.start({ front: { targets: [] } });
  const client = edge.ask();
  await until("the request is held", () => edge.stats.held === 1);
  edge.put({ targets: [active(edge.target)] });
  (await edge.target.next()).write(answer("at last"));
  await client.until("at last");
  expect(edge.stats).toMatchObject({ held: 0, inFlight: 0 });
});

test("without a target in time the answer is 503, and the client may go on", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock, front: { targets: [] } });
  const client = edge.ask();
  await until("the request is held", () => edge.stats.held === 1);
  await clock.advance(5_000);
  expect(await client.until("request_id")).toContain("X-Orco-Error: no_target");
  expect(client.text).not.toContain("Connection: close");
  expect(edge.stats).toMatchObject({ held: 0, inFlight: 0, codes: { 503: 1 } });
});

test("no more than so many wait", async () => {
  using edge = await EdgeFixture.start({ front: { targets: [] } });
  const held = Array.from({ length: MAX_HELD }, () => edge.ask());
  await until("all wait", () => edge.stats.held === MAX_HELD);
  const late = edge.ask();
  expect(await late.until("request_id")).toContain("X-Orco-Error: too_many_held");
  for (const client of held) client.reset();
  await until("nobody waits", () => edge.stats.held === 0);
});

for (const how of ["end", "reset"] as const) {
  test(`a client that leaves (${how}) while it waits is forgotten`, async () => {
    using edge = await EdgeFixture.start({ front: { targets: [] } });
    const client = edge.ask("POST / HTTP/1.1", "Content-Length: 2");
    client.write("ab");
    await until("the request is held", () => edge.stats.held === 1);
    client[how]();
    await until("nobody waits", () => edge.stats.held === 0);
    edge.put({ targets: [active(edge.target)] });
    edge.ask("GET /other HTTP/1.1");
    expect((await edge.target.next()).text).toStartWith("GET /other");
    expect(edge.records[0]).toMatchObject({ status: 499 });
  });
}

test("a target that does not answer in time is a 504", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const client = edge.ask();
  const target = await edge.target.next();
  await clock.advance(59_000);
  expect(client.text).toBe("");
  await clock.advance(1_200);
  expect(await client.until("request_id")).toContain("X-Orco-Error: response_timeout");
  await target.until((peer) => peer.closed);
});

test("a target that does not accept in time is a 504", async () => {
  const timeout = Object.assign(new Error("no connection"), { code: "ETIMEDOUT" });
  using edge = await EdgeFixture.start({ dial: () => Promise.reject(timeout) });
  expect(await edge.ask().until("request_id")).toContain("X-Orco-Error: connect_timeout");
});

test("an answer that stops for too long is cut", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const client = edge.ask();
  const target = await edge.target.next();
  target.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  await client.until("hello");
  await clock.advance(299_000);
  expect(client.closed).toBe(false);
  await clock.advance(1_200);
  await client.until((peer) => peer.closed);
  expect(client.error).toBe("ECONNRESET");
  expect(edge.records[0]).toMatchObject({ error: "body_timeout" });
});

test("a head that drips is answered 408", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const client = edge.connect();
  client.write("GET / HTTP/1.1\r\n");
  await edge.roundTrips();
  await clock.advance(10_000);
  client.write("Host: a.example\r\n");
  await edge.roundTrips();
  await clock.advance(5_200);
  expect(await client.untilEnd()).toStartWith("HTTP/1.1 408 ");
});

test("a body that stops is answered 408", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const client = edge.ask("POST / HTTP/1.1", "Content-Length: 10");
  client.write("hello");
  const target = await edge.target.next();
  await target.until("hello");
  await clock.advance(15_200);
  expect(await client.untilEnd()).toContain("X-Orco-Error: request_timeout");
  await target.until((peer) => peer.closed);
});

test("a connection without a request, and one without another, are closed without a word", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const silent = edge.connect();
  await until("it is there", () => edge.frontend.connections === 1);
  await clock.advance(15_200);
  expect(await silent.untilEnd()).toBe("");
  const client = edge.ask();
  (await edge.target.next()).write(answer("one"));
  await client.until("one");
  client.text = "";
  await clock.advance(75_200);
  expect(await client.untilEnd()).toBe("");
});

test("an idle connection to a target is closed before common servers would", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const client = edge.ask();
  const target = await edge.target.next();
  target.write(answer("one"));
  await client.until("one");
  await clock.advance(4_200);
  await target.untilEnd();
});

test("a POST does not use a connection that has idled for more than a second", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const client = edge.ask();
  const first = await edge.target.next();
  first.write(answer("one"));
  await client.until("one");
  await clock.advance(1_100);
  client.write(request("POST /two HTTP/1.1", "Content-Length: 0"));
  expect((await edge.target.next()).text).toStartWith("POST /two");
  expect(first.text).not.toContain("/two");
});

test("who waits for 100 Continue is not the one who is late", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const client = edge.ask("POST / HTTP/1.1", "Content-Length: 5", "Expect: 100-continue");
  const target = await edge.target.next();
  await clock.advance(20_000);
  target.write("HTTP/1.1 100 Continue\r\n\r\n");
  await client.until("100 Continue");
  client.write("hello");
  await target.until("hello");
});

test("a stream whose reader does not read is cut after a while", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock, front: { hosts: ["a.example"] } });
  const client = edge.ask();
  const target = await edge.target.next();
  target.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nbegin");
  await client.until("begin");
  client.socket.pause();
  target.write(Buffer.alloc(64 * 1024 * 1024));
  await edge.otherRequests();
  await clock.advance(300_200);
  await clock.advance(300_200);
  await target.until((peer) => peer.closed);
  expect(edge.records.find(({ host }) => host === "a.example")).toMatchObject({ error: "body_timeout" });
});

test("a client that reads no answers is not read from either", async () => {
  using edge = await EdgeFixture.start({ front: { hosts: ["a.example"] } });
  const client = edge.connect();
  client.socket.pause();
  client.write(Buffer.from("GET / HTTP/1.1\r\nHost: unknown\r\n\r\n".repeat(4_000_000)));
  await edge.otherRequests();
  await edge.otherRequests();
  expect(client.socket.writableLength).toBeGreaterThan(64 * MIB);
});
