import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { active, answer, EdgeFixture, request } from "./http/frontend-fixture.ts";
import type { Peer } from "./http/peer-fixture.ts";

const HANDSHAKE = [
  "GET /chat HTTP/1.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Key: abc",
  "Sec-WebSocket-Protocol: a, b",
];
const ACCEPTED = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: b\r\n\r\n";

async function open(edge: EdgeFixture): Promise<{ client: Peer; target: Peer }> {
  const client = edge.ask(...HANDSHAKE);
  const target = await edge.target.next();
  target.write(ACCEPTED);
  await client.until("\r\n\r\n");
  return { client, target };
}

test("the target's handshake reaches the client, then bytes pass both ways", async () => {
  using edge = await EdgeFixture.start();
  const { client, target } = await open(edge);
  expect(target.text).toContain("Upgrade: websocket");
  expect(target.text).toContain("Sec-WebSocket-Protocol: a, b");
  expect(client.text).toContain("Sec-WebSocket-Protocol: b");
  client.write("from the client");
  await target.until("from the client");
  target.write("from the target");
  await client.until("from the target");
  client.end();
  await target.until((peer) => peer.ended);
  target.end();
  await client.untilEnd();
  await until("the exchange is over", () => edge.stats.inFlight === 0 && edge.frontend.connections === 0);
  expect(edge.records[0]).toMatchObject({ status: 101, path: "/chat" });
});

test("frames that come with the handshake are not lost", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.connect();
  client.write(`${request(...HANDSHAKE)}early`);
  const target = await edge.target.next();
  target.write(`${ACCEPTED}welcome`);
  expect(await client.until("welcome")).toEndWith("\r\n\r\nwelcome");
  await target.until("early");
});

test("a refused handshake is an answer like any other", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask(...HANDSHAKE);
  const target = await edge.target.next();
  target.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  expect(await client.until("\r\n\r\nno")).toStartWith("HTTP/1.1 403 Forbidden\r\n");
  client.write(request("GET /next HTTP/1.1"));
  await target.until("GET /next");
});

test("a client that vanishes takes its WebSocket away from the target", async () => {
  using edge = await EdgeFixture.start();
  const { client, target } = await open(edge);
  client.reset();
  await target.until((peer) => peer.closed);
  expect(target.error).toBe("ECONNRESET");
  await until("the exchange is over", () => edge.stats.inFlight === 0);
});

test("a drain that takes too long ends a WebSocket with 1001 between two frames", async () => {
  using edge = await EdgeFixture.start();
  const { client, target } = await open(edge);
  client.text = "";
  target.write(Buffer.from([0x81, 2, 0x68, 0x69]));
  await client.until("hi");
  edge.put({ targets: [{ ...active(edge.target), state: "draining", drainTimeoutMs: 1 }] });
  await client.untilEnd();
  expect(Buffer.from(client.text, "latin1").subarray(4)).toEqual(Buffer.from([0x88, 2, 1001 >> 8, 1001 & 255]));
  await target.until((peer) => peer.closed);
  expect(edge.pool.draining()).toEqual([{ target: "t1", inFlight: 0, cut: 1 }]);
});

test("a reader that does not read stops the writer, in both directions", async () => {
  using edge = await EdgeFixture.start({ front: { hosts: ["a.example"] } });
  const { client, target } = await open(edge);
  for (const [from, to] of [
    [client, target],
    [target, client],
  ] as const) {
    to.quiet = true;
    to.socket.pause();
    const size = 64 * 1024 * 1024;
    const before = to.bytes;
    from.write(Buffer.alloc(size));
    await edge.otherRequests();
    expect(from.socket.writableLength).toBeGreaterThan(size / 2);
    to.socket.resume();
    await to.until(() => to.bytes - before === size);
  }
});

test("an answer 200 to an upgrade keeps the connection HTTP", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask(...HANDSHAKE);
  (await edge.target.next()).write(answer("plain"));
  expect(await client.until("plain")).toStartWith("HTTP/1.1 200 OK\r\n");
});

test("what a client said before it half-closed reaches the target, and so does its end", async () => {
  using edge = await EdgeFixture.start({ front: { hosts: ["a.example"] } });
  const client = edge.connect();
  client.write(`${request(...HANDSHAKE)}early`);
  client.end();
  const target = await edge.target.next();
  await edge.otherRequests();
  target.write(`${ACCEPTED}welcome`);
  await client.until("welcome");
  expect(await target.untilEnd()).toEndWith("early");
});
