import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { FakeClock } from "../kernel/clock.ts";
import { active, answer, EdgeFixture, request } from "./http/frontend-fixture.ts";
import type { Peer } from "./http/peer-fixture.ts";

const STREAM = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const EVENT = "9\r\ndata: 1\n\n\r\n";
const MIB = 1024 * 1024;

async function stream(edge: EdgeFixture): Promise<{ client: Peer; target: Peer }> {
  const client = edge.ask("GET /events HTTP/1.1", "Accept: text/event-stream");
  const target = await edge.target.next();
  target.write(STREAM);
  await client.until("\r\n\r\n");
  target.write(EVENT);
  await client.until(EVENT);
  return { client, target };
}

test("events pass at once, and silence of hours ends nothing", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  const { client, target } = await stream(edge);
  await clock.advance(600_000);
  client.text = "";
  target.write(EVENT);
  await client.until(EVENT);
});

test("a reader of events that leaves, even politely, is gone for the target", async () => {
  using edge = await EdgeFixture.start();
  const { client, target } = await stream(edge);
  client.end();
  await target.until((peer) => peer.closed);
  expect(target.error).toBe("ECONNRESET");
  expect(edge.records[0]).toMatchObject({ status: 200, error: "client_closed" });
});

test("a drain that takes too long resets a stream; nobody takes it for complete", async () => {
  using edge = await EdgeFixture.start();
  const { client, target } = await stream(edge);
  edge.put({ targets: [{ ...active(edge.target), state: "draining", drainTimeoutMs: 1 }] });
  await client.until((peer) => peer.closed);
  expect(client.error).toBe("ECONNRESET");
  expect(client.text).not.toContain("\r\n0\r\n");
  await target.until((peer) => peer.closed);
  expect(edge.pool.draining()).toEqual([{ target: "t1", inFlight: 0, cut: 1 }]);
});

test("a drain leaves a request that ends in time alone, and its client moves on with the next", async () => {
  using edge = await EdgeFixture.start({ targets: 2, front: { targets: [] } });
  const [one, two] = edge.targets;
  if (!one || !two) throw new Error("two targets");
  edge.put({ targets: [active(one)] });
  const client = edge.ask("GET /slow HTTP/1.1");
  const slow = await one.next();
  edge.put({ targets: [{ ...active(one), state: "draining", drainTimeoutMs: 60_000 }, active(two)] });
  slow.write(answer("late"));
  await client.until("late");
  expect(edge.pool.draining()).toEqual([{ target: "t1", inFlight: 0, cut: 0 }]);
  await slow.until((peer) => peer.ended);
  client.write(request("GET /next HTTP/1.1"));
  expect((await two.next()).text).toStartWith("GET /next");
});

test("a body that nobody reads stops its target", async () => {
  using edge = await EdgeFixture.start({ front: { hosts: ["a.example"] } });
  const client = edge.ask();
  const target = await edge.target.next();
  client.quiet = true;
  client.socket.pause();
  const size = 64 * MIB;
  target.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
  target.write(Buffer.alloc(size));
  await edge.otherRequests();
  expect(target.socket.writableLength).toBeGreaterThan(size / 2);
  client.socket.resume();
  await client.until((peer) => peer.bytes > size);
  client.quiet = false;
  client.write(request("GET /next HTTP/1.1"));
  await target.until("GET /next");
});

test("an upload that nobody reads stops its client", async () => {
  using edge = await EdgeFixture.start({ front: { hosts: ["a.example"] } });
  const size = 64 * MIB;
  const client = edge.ask("POST / HTTP/1.1", `Content-Length: ${size}`);
  const target = await edge.target.next();
  const head = target.bytes;
  target.quiet = true;
  target.socket.pause();
  client.write(Buffer.alloc(size));
  await edge.otherRequests();
  expect(client.socket.writableLength).toBeGreaterThan(size / 2);
  target.socket.resume();
  await target.until((peer) => peer.bytes === head + size);
  target.write(answer("all of it"));
  await client.until("all of it");
  client.write(request("GET /next HTTP/1.1"));
  await target.until((peer) => peer.bytes > head + size);
});

test("an upload that waits for a target is not read meanwhile", async () => {
  using edge = await EdgeFixture.start({ front: { hosts: ["a.example"], targets: [] } });
  const size = 64 * MIB;
  const client = edge.ask("POST / HTTP/1.1", `Content-Length: ${size}`);
  client.write(Buffer.alloc(size));
  await until("the request is held", () => edge.stats.held === 1);
  await edge.otherRequests();
  expect(client.socket.writableLength).toBeGreaterThan(size / 2);
  edge.put({ targets: [active(edge.target)] });
  const target = await edge.target.nextConnection();
  target.quiet = true;
  await target.until((peer) => peer.bytes > size);
  target.write(answer("all of it"));
  await client.until("all of it");
});
