import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { FakeClock } from "../kernel/clock.ts";
import { active, answer, EdgeFixture, request } from "./http/frontend-fixture.ts";
import { RawTarget } from "./http/peer-fixture.ts";

const CUT = [
  ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"],
  ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
] as const;

for (const [what, begun] of CUT) {
  test(`an answer with ${what} that the target cuts resets the client`, async () => {
    using edge = await EdgeFixture.start();
    const client = edge.ask();
    const target = await edge.target.next();
    target.write(begun);
    await client.until("hello");
    target.end();
    await client.until((peer) => peer.closed);
    expect(client.error).toBe("ECONNRESET");
    expect(edge.records[0]).toMatchObject({ status: 200, error: "target_cut" });
  });
}

test("an answer that ends with the connection is cut when that is reset", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const target = await edge.target.next();
  target.write("HTTP/1.1 200 OK\r\n\r\nhello");
  await client.until("hello");
  target.reset();
  await client.until((peer) => peer.closed);
  expect(client.error).toBe("ECONNRESET");
});

test("a target that closes before it answers is a 502, and the client may go on", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  (await edge.target.next()).end();
  expect(await client.until("request_id")).toContain("X-Orco-Error: target_closed");
  client.text = "";
  client.write(request());
  (await edge.target.next()).write("HTTP/1.1 200 OK\r\nContent-");
  edge.target.connections[1]?.reset();
  expect(await client.until("request_id")).toStartWith("HTTP/1.1 502 ");
});

const INVALID = [
  ["is no HTTP", "SSH-2.0-OpenSSH_9\r\n\r\n"],
  ["has two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["is two answers at once", answer("one") + answer("two")],
  ["is followed by garbage", `${answer("one")}garbage`],
  ["switches protocols unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
] as const;

for (const [what, bytes] of INVALID) {
  test(`an answer that ${what} is a 502 and its connection is not used again`, async () => {
    using edge = await EdgeFixture.start();
    const client = edge.ask();
    const first = await edge.target.next();
    first.write(bytes);
    expect(await client.until("request_id")).toContain("X-Orco-Error: target_invalid");
    await first.until((peer) => peer.closed);
    client.text = "";
    client.write(request());
    const second = await edge.target.next();
    second.write(answer("fine"));
    expect(await client.until("fine")).toStartWith("HTTP/1.1 200 ");
  });
}

test("a body behind the answer to HEAD is thrown away with its connection", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("HEAD / HTTP/1.1");
  const first = await edge.target.next();
  first.write(answer("surprise"));
  await first.until((peer) => peer.ended);
  client.write(request());
  const second = await edge.target.next();
  second.write(answer("fine"));
  expect(await client.until("fine")).not.toContain("surprise");
});

test("bytes that nobody asked for close an idle connection", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const first = await edge.target.next();
  first.write(answer("one"));
  await client.until("one");
  first.write(answer("poison"));
  await first.until((peer) => peer.ended);
  client.write(request());
  (await edge.target.next()).write(answer("two"));
  expect(await client.until("two")).not.toContain("poison");
});

test("a target that refuses is passed over", async () => {
  using edge = await EdgeFixture.start({ targets: 2 });
  edge.target.close();
  for (let n = 0; n < 4; n++) {
    const client = edge.ask("POST / HTTP/1.1", "Content-Length: 2", "Connection: close");
    client.write("ab");
    const target = n === 0 ? await edge.targets[1]?.next() : edge.targets[1]?.connections[0];
    await target?.until((peer) => peer.text.split("\r\n\r\nab").length === n + 2);
    target?.write(answer("fine"));
    await client.until("fine");
  }
  expect(edge.stats.retries).toBeGreaterThan(0);
});

test("when all refuse, the request waits for one that does not", async () => {
  using edge = await EdgeFixture.start();
  const { port } = edge.target;
  edge.target.close();
  const client = edge.ask("POST / HTTP/1.1", "Content-Length: 5");
  await until("the request is held", () => edge.stats.held === 1);
  client.write("hello");
  const again = await RawTarget.listen("again", port);
  edge.targets.push(again);
  const target = await again.next();
  await target.until("hello");
  target.write(answer("back"));
  await client.until("back");
  expect(edge.stats.held).toBe(0);
});

test("when all refuse until the hold is over, the answer is 502", async () => {
  const clock = new FakeClock();
  using edge = await EdgeFixture.start({ clock });
  edge.target.close();
  const client = edge.ask();
  while (client.text === "") {
    await until("the request is held or answered", () => edge.stats.held === 1 || client.text !== "");
    await clock.advance(100);
  }
  expect(client.text).toContain("X-Orco-Error: target_refused");
  expect(clock.monotonic()).toBeGreaterThanOrEqual(5_000);
  expect(edge.stats.held).toBe(0);
});

test("a request on a reused connection that the target has just closed is sent once more", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const first = await edge.target.next();
  first.write(answer("one"));
  await client.until("one");
  client.write(request("GET /two HTTP/1.1"));
  await first.until("GET /two");
  first.reset();
  const second = await edge.target.next();
  expect(second.text).toStartWith("GET /two");
  second.write(answer("two"));
  await client.until("two");
  expect(edge.records[1]).toMatchObject({ retries: 1, status: 200 });
});

test("the second connection that closes is the last: 502", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const first = await edge.target.next();
  first.write(answer("one"));
  await client.until("one");
  client.write(request("GET /two HTTP/1.1"));
  await first.until("GET /two");
  first.reset();
  (await edge.target.next()).reset();
  expect(await client.until("request_id")).toContain("X-Orco-Error: target_closed");
  expect(edge.target.connections.length).toBe(2);
});

test("a POST on a reused connection is not sent twice", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const first = await edge.target.next();
  first.write(answer("one"));
  await client.until("one");
  client.write(`${request("POST /two HTTP/1.1", "Content-Length: 2")}ab`);
  await first.until("POST /two");
  first.reset();
  expect(await client.until("request_id")).toContain("X-Orco-Error: target_closed");
  expect(edge.target.connections.length).toBe(1);
});

test("a PUT is sent again with its body, when all of it is known", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const first = await edge.target.next();
  first.write(answer("one"));
  await client.until("one");
  client.write(`${request("PUT /two HTTP/1.1", "Content-Length: 4")}ab`);
  await first.until("\r\n\r\nab");
  client.write("cd");
  await first.until("abcd");
  first.reset();
  const second = await edge.target.next();
  expect(await second.until("abcd")).toStartWith("PUT /two");
  second.write(answer("two"));
  await client.until("two");
});

test("a client that goes away takes its request away from the target", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("GET /slow HTTP/1.1");
  const target = await edge.target.next();
  client.reset();
  await target.until((peer) => peer.closed);
  expect(target.error).toBe("ECONNRESET");
  expect(edge.records[0]).toMatchObject({ status: 499, error: "client_closed", path: "/slow" });
  expect(edge.stats).toMatchObject({ codes: { 499: 1 }, inFlight: 0, connections: 0 });
});

test("an upload that its client cuts is cut for the target, too", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("POST / HTTP/1.1", "Content-Length: 10");
  client.write("hello");
  const target = await edge.target.next();
  await target.until("hello");
  client.end();
  await target.until((peer) => peer.closed);
  expect(target.error).toBe("ECONNRESET");
  expect(edge.records[0]).toMatchObject({ status: 499 });
});

test("targets of a new table are used at once", async () => {
  using edge = await EdgeFixture.start({ targets: 2, front: { targets: [] } });
  const [one, two] = edge.targets;
  if (!one || !two) throw new Error("two targets");
  edge.put({ targets: [active(one)] });
  const client = edge.ask();
  const first = await one.next();
  first.write(answer("one"));
  await client.until("one");
  edge.put({ targets: [{ ...active(one), state: "draining" }, active(two)] });
  await first.until((peer) => peer.ended);
  client.write(request());
  (await two.next()).write(answer("two"));
  await client.until("two");
});

test("a body that ended too early is not waited for, also when its request was pipelined behind another", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.connect();
  client.write(`${request("GET /1 HTTP/1.1")}${request("POST /2 HTTP/1.1", "Content-Length: 10")}01234`);
  client.end();
  const target = await edge.target.next();
  target.write(answer("answer 1"));
  await client.until("answer 1");
  await client.until((peer) => peer.closed);
  expect(client.error).toBe("ECONNRESET");
  await until("nothing in flight", () => edge.pool.inFlight === 0);
});
