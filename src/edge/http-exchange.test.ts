import { expect, test } from "bun:test";
import { answer, EdgeFixture, request } from "./http/frontend-fixture.ts";

test("a request reaches the target and its answer the client, with the headers of both", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("GET /a?b=c HTTP/1.1", "User-Agent: me", "X-Odd: 1", "x-odd: 2");
  const target = await edge.target.next();
  expect(target.text).toStartWith("GET /a?b=c HTTP/1.1\r\nHost: a.example\r\nUser-Agent: me\r\nX-Odd: 1\r\nx-odd: 2\r\n");
  expect(target.text).toMatch(/\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/);
  expect(target.text).toMatch(/\r\nX-Request-Id: [0-9a-f]{12}-1\r\n/);
  target.write(answer("hello", "Set-Cookie: a=1", "Set-Cookie: b=2"));
  expect(await client.until("hello")).toBe("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nhello");
});

test("both connections are used again for the next request", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const target = await edge.target.next();
  for (const n of [1, 2, 3]) {
    await target.until((peer) => peer.text.split("\r\n\r\n").length === n + 1);
    target.write(answer(`answer ${n}`));
    await client.until(`answer ${n}`);
    if (n < 3) client.write(request());
  }
  expect(edge.target.connections.length).toBe(1);
});

test("pipelined requests are answered in order, one after the other", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.connect();
  client.write(request("GET /1 HTTP/1.1") + request("GET /2 HTTP/1.1") + request("GET /3 HTTP/1.1"));
  const target = await edge.target.next();
  for (const n of [1, 2, 3]) {
    await target.until(`GET /${n} `);
    expect(target.text).not.toContain(`GET /${n + 1} `);
    target.write(answer(`answer ${n}`));
  }
  const text = await client.until("answer 3");
  expect(text.match(/answer \d/g)).toEqual(["answer 1", "answer 2", "answer 3"]);
});

test("what a client pipelines is not read for ever while it waits for an answer", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const target = await edge.target.next();
  const flood = Buffer.from(request("GET /flood HTTP/1.1").repeat(200_000));
  client.write(flood);
  await client.until(() => client.socket.writableLength > 0);
  target.write(answer("first"));
  await client.until("first");
  expect(client.socket.writableLength).toBeGreaterThan(0);
});

test("a body of known length is passed on as it comes", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("POST / HTTP/1.1", "Content-Length: 10");
  client.write("01234");
  const target = await edge.target.next();
  await target.until("01234");
  client.write("56789");
  await target.until("0123456789");
  target.write(answer("thanks"));
  await client.until("thanks");
  client.write(request("GET /next HTTP/1.1"));
  await target.until("GET /next");
});

test("a chunked body and its trailers pass byte for byte, both ways", async () => {
  using edge = await EdgeFixture.start();
  const chunks = "5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n";
  const client = edge.ask("POST / HTTP/1.1", "Transfer-Encoding: chunked");
  client.write(chunks);
  const target = await edge.target.next();
  expect(await target.until("X-Sum: 1\r\n\r\n")).toEndWith(`\r\n\r\n${chunks}`);
  target.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
  expect(await client.until("X-Sum: 1\r\n\r\n")).toBe(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
  client.write(request("GET /next HTTP/1.1"));
  await target.until("GET /next");
});

test("an HTTP/1.0 client gets a chunked answer without chunks, and the end of the connection as its end", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("GET / HTTP/1.0", "Connection: keep-alive");
  const target = await edge.target.next();
  expect(target.text).toStartWith("GET / HTTP/1.1\r\n");
  target.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  await client.until("hello");
  target.write("6\r\n world\r\n0\r\nX: y\r\n\r\n");
  expect(await client.untilEnd()).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world");
});

test("an HTTP/1.0 client that asks for it keeps its connection when the length is known", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("GET / HTTP/1.0", "Connection: keep-alive");
  const target = await edge.target.next();
  target.write(answer("one"));
  expect(await client.until("one")).toContain("Connection: keep-alive");
  client.write("GET /two HTTP/1.0\r\nHost: a.example\r\n\r\n");
  await target.until("GET /two");
  target.write(answer("two"));
  expect(await client.untilEnd()).toEndWith("Connection: close\r\n\r\ntwo");
});

test("an answer that ends with the connection ends the client's connection, too", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const target = await edge.target.next();
  target.write("HTTP/1.1 200 OK\r\n\r\nhello");
  await client.until("hello");
  target.write(" world");
  target.end();
  expect(await client.untilEnd()).toBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world");
  expect(client.error).toBeUndefined();
});

test("answers to HEAD, 204 and 304 have no body, whatever their headers say", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("HEAD / HTTP/1.1");
  const target = await edge.target.next();
  target.write("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
  expect(await client.until("\r\n\r\n")).toBe("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
  for (const status of ["204 No Content", "304 Not Modified"]) {
    client.text = "";
    target.text = "";
    client.write(request());
    await target.until("GET /");
    target.write(`HTTP/1.1 ${status}\r\nETag: "a"\r\n\r\n`);
    expect(await client.until("\r\n\r\n")).toBe(`HTTP/1.1 ${status}\r\nETag: "a"\r\n\r\n`);
  }
  expect(edge.target.connections.length).toBe(1);
});

test("Connection: close of the client is answered and kept; the target's connection goes on", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask("GET / HTTP/1.1", "Connection: close");
  const target = await edge.target.next();
  expect(target.text).not.toContain("Connection");
  target.write(answer("bye"));
  expect(await client.untilEnd()).toBe("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye");
  edge.ask("GET /again HTTP/1.1");
  await target.until("GET /again");
});

test("Connection: close of the target is its own business; the client's connection goes on", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  const first = await edge.target.next();
  first.write(answer("one", "Connection: close"));
  first.end();
  expect(await client.until("one")).not.toContain("Connection");
  client.write(request());
  const second = await edge.target.next();
  second.write(answer("two"));
  await client.until("two");
});

test("a client that half-closes after its request still gets the answer", async () => {
  using edge = await EdgeFixture.start();
  const client = edge.ask();
  client.end();
  const target = await edge.target.next();
  target.write(answer("for you"));
  expect(await client.untilEnd()).toEndWith("for you");
  expect(edge.records[0]).toMatchObject({ status: 200 });
});
