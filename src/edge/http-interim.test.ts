import { expect, test } from "bun:test";
import { answer, EdgeFixture, request } from "./http/frontend-fixture.ts";

test("a target's 100 Continue reaches the client that waits for it", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("POST / HTTP/1.1", "Content-Length: 5", "Expect: 100-continue");
  const target = await edge.target.next();
  expect(target.text).toContain("Expect: 100-continue");
  target.write("HTTP/1.1 100 Continue\r\n\r\n");
  expect(await client.until("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  client.write("hello");
  await target.until("hello");
  target.write(answer("got it"));
  await client.until("got it");
});

test("a refusal instead of 100 Continue reaches the client, and the connection ends: its body may come or not", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("POST / HTTP/1.1", "Content-Length: 5", "Expect: 100-continue");
  const target = await edge.target.next();
  target.write("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
  expect(await client.untilEnd()).toBe("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  await target.until((peer) => peer.closed);
});

test("103 Early Hints are passed on, as often as they come", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const target = await edge.target.next();
  const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
  target.write(hint);
  await client.until("preload");
  target.write(hint + answer("done"));
  expect(await client.until("done")).toBe(hint + hint + answer("done"));
});

test("an HTTP/1.0 client does not get interim answers", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("GET / HTTP/1.0");
  const target = await edge.target.next();
  target.write(`HTTP/1.1 103 Early Hints\r\n\r\n${answer("done")}`);
  expect(await client.untilEnd()).toStartWith("HTTP/1.1 200 OK\r\n");
});

test("an answer before the end of the upload is passed on, then the connection ends without destroying it", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("POST / HTTP/1.1", "Content-Length: 100000000");
  const target = await edge.target.next();
  client.write(Buffer.alloc(3_000_000));
  target.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
  expect(await client.untilEnd()).toEndWith("Connection: close\r\n\r\nbig");
  client.write(Buffer.alloc(3_000_000));
  await target.until((peer) => peer.closed);
  expect(client.error).toBeUndefined();
  expect(edge.records[0]).toMatchObject({ status: 413, method: "POST" });
});

test("a target may answer while it still reads: both directions flow", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("POST / HTTP/1.1", "Transfer-Encoding: chunked");
  const target = await edge.target.next();
  target.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const word of ["one", "two"]) {
    client.write(`3\r\n${word}\r\n`);
    await target.until(word);
    target.write(`3\r\n${word}\r\n`);
    await client.until(word);
  }
  client.write("0\r\n\r\n");
  await target.until("\r\n0\r\n\r\n");
  target.write("0\r\n\r\n");
  expect(await client.untilEnd()).toEndWith("3\r\ntwo\r\n0\r\n\r\n");
});

test("a head that is none is answered 400 with its reason, and the connection ends", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.connect();
  client.write("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
  const text = await client.untilEnd();
  expect(text).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  expect(text).toMatch(/\r\nX-Orco-Error: [a-z_]+\r\n/);
  expect(text).toContain("Connection: close");
  expect(edge.target.connections).toEqual([]);
  expect(edge.records[0]).toMatchObject({ status: 400, client: "127.0.0.1", error: expect.stringMatching(/^[a-z_]+$/) });
});

test("a head above 16 KiB is answered 431", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("GET / HTTP/1.1", `X-Long: ${"a".repeat(17_000)}`);
  expect(await client.untilEnd()).toStartWith("HTTP/1.1 431 ");
});

test("a bad request behind a good one is refused after the good one was answered", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.connect();
  client.write(`${request()}BAD\r\n\r\n`);
  const target = await edge.target.next();
  target.write(answer("fine"));
  expect(await client.untilEnd()).toMatch(/fineHTTP\/1\.1 400 /);
});

test("a body that breaks its framing is answered 400, and the target sees no whole request", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("POST / HTTP/1.1", "Transfer-Encoding: chunked");
  client.write("5\r\nhello\r\n");
  const target = await edge.target.next();
  await target.until("hello");
  client.write("5 \r\nworld\r\n0\r\n\r\n");
  expect(await client.untilEnd()).toStartWith("HTTP/1.1 400 ");
  await target.until((peer) => peer.closed);
  expect(target.text).not.toContain("world");
});

test("a host that nobody answers for gets 404, and the connection goes on", async () => {
  using edge = await EdgeFixture.start({ front: { hosts: ["a.example"] } });
  const client = edge.connect();
  client.write("GET / HTTP/1.1\r\nHost: b.example\r\nAccept: text/html\r\n\r\n");
  expect(await client.until("</p>")).toContain("X-Orco-Error: no_such_host");
  client.write(request());
  const target = await edge.target.next();
  target.write(answer("here"));
  await client.until("here");
});

test("a connection that breaks off after an interim answer was not idle: the request is not sent again", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const target = await edge.target.next();
  target.write(answer("first"));
  await client.until("first");
  client.write(request("GET /second HTTP/1.1"));
  await target.until("GET /second");
  target.write("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
  await client.until("103 Early Hints");
  target.reset();
  expect(await client.until("X-Orco-Error")).toContain("502 Bad Gateway");
  expect(edge.target.connections.length).toBe(1);
});
