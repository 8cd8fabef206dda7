import { describe, expect, test } from "bun:test";
import { until } from "../until.ts";
import { answer, forwarded, request, sharedEdge, withoutIds } from "./rig.ts";

const edge = sharedEdge();
const LENGTH = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
const TILL_CLOSE = "HTTP/1.1 200 OK\r\n\r\nhello";

describe("a target that cuts its answer", () => {
  for (const [what, begun] of [
    ["of a length", LENGTH],
    ["in chunks", CHUNKED],
    ["in chunks, within a size", `${CHUNKED}5`],
    ["in chunks, before the last line", `${CHUNKED}0\r\n`],
  ] as const) {
    for (const how of ["ends", "resets"] as const) {
      test(`${what}, and ${how}: the client is reset`, async () => {
        await using way = await edge.way();
        const client = way.ask();
        const target = await way.target.next();
        target.write(begun);
        await client.until("hello");
        if (how === "ends") target.end();
        else target.reset();
        await client.untilReset();
        expect(begun).toStartWith(client.text);
        expect((await way.records())[0]).toMatchObject({ status: 200, error: "target_cut" });
      });
    }
  }

  test("that ends with the connection: an end is the end, a reset is a reset", async () => {
    await using way = await edge.way();
    const [clean, cut] = [way.ask(), way.ask()];
    const first = await way.target.next();
    first.write(TILL_CLOSE);
    await clean.until("hello").catch(() => cut.until("hello"));
    const second = await way.target.next();
    second.write(TILL_CLOSE);
    await Promise.all([clean.until("hello"), cut.until("hello")]);
    second.reset();
    first.end();
    const ends = await Promise.allSettled([clean.untilEnd(), cut.untilEnd()]);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    for (const end of ends) if (end.status === "fulfilled") expect(end.value).toEndWith("Connection: close\r\n\r\nhello");
  });

  test("before a whole head: 502, and the client's connection goes on", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    target.write("HTTP/1.1 200 OK\r\nX-A: ");
    target.end();
    expect(await client.until("request_id")).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n[^]*X-Orco-Error: target_closed\r\n/);
    client.write(request("GET /2 HTTP/1.1"));
    (await way.target.next()).write(answer("two"));
    await client.until("two");
  });
});

for (const [what, bytes] of [
  ["no HTTP", "SSH-2.0-OpenSSH_9\r\n\r\n"],
  ["a CL and a TE", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["a length of +1", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na"],
  ["TE in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a folded header", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"],
  ["a NUL", "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n"],
  ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
  ["two answers", answer("one") + answer("two")],
  ["a switch that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
  ["a head of 20 KiB", `HTTP/1.1 200 OK\r\nX-A: ${"a".repeat(20_000)}\r\nContent-Length: 0\r\n\r\n`],
] as const) {
  test(`an answer with ${what} becomes a 502 and its connection is given up`, async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    target.write(bytes);
    expect(await client.until("request_id")).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n[^]*X-Orco-Error: target_invalid\r\n/);
    await target.until((peer) => peer.closed);
    client.write(request("GET /2 HTTP/1.1"));
    (await way.target.next()).write(answer("fine"));
    expect(await client.until("fine")).toEndWith(answer("fine"));
  });
}

test("chunks of a target that break in the middle reset the client", async () => {
  await using way = await edge.way();
  const client = way.ask();
  const target = await way.target.next();
  target.write(CHUNKED);
  await client.until("hello");
  target.write("5x\r\nworld\r\n0\r\n\r\n");
  await client.untilReset();
  await target.untilReset();
  expect(client.text).toBe(CHUNKED);
});

test("bytes of a target between two answers reach nobody", async () => {
  await using way = await edge.way();
  const client = way.ask();
  const target = await way.target.next();
  target.write(answer("one"));
  await client.until("one");
  target.write(answer("poison"));
  await target.until((peer) => peer.ended || peer.closed);
  client.write(request("GET /2 HTTP/1.1"));
  (await way.target.next()).write(answer("two"));
  expect(await client.until("two")).toBe(answer("one") + answer("two"));
});

describe("a client that leaves", () => {
  for (const how of ["resets", "closes"] as const) {
    test(`before the answer and ${how}: the target is told when it can be known, 499 is logged`, async () => {
      await using way = await edge.way();
      const client = way.ask("GET /slow?secret HTTP/1.1", "User-Agent: t");
      const target = await way.target.next();
      if (how === "resets") client.reset();
      else client.socket.destroy();
      if (how === "closes") target.write(CHUNKED.repeat(1) + "5\r\nhello\r\n".repeat(20_000));
      await target.untilReset();
      const [record] = await way.records();
      expect(record).toMatchObject({ status: 499, error: "client_closed", path: "/slow", target: way.target.id, user_agent: "t" });
      expect(await way.metric("orco_edge_requests_total", { code: "499" })).toBe(1);
      expect(await way.metric("orco_edge_inflight")).toBe(0);
    });
  }

  for (const how of ["resets", "ends"] as const) {
    test(`in the middle of its upload and ${how}: the target is reset at once`, async () => {
      for (const framing of ["Content-Length: 10", "Transfer-Encoding: chunked"]) {
        await using way = await edge.way();
        const client = way.ask("POST / HTTP/1.1", framing);
        client.write(framing.startsWith("C") ? "hello" : "5\r\nhello\r\n");
        const target = await way.target.next();
        await target.until("hello");
        if (how === "resets") client.reset();
        else client.end();
        await target.untilReset();
        expect((await way.records())[0]).toMatchObject({ status: 499, error: "client_closed" });
      }
    });
  }

  test("while the answer streams: the target is reset", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    target.write(CHUNKED);
    await client.until("hello");
    client.reset();
    await target.untilReset();
    expect((await way.records())[0]).toMatchObject({ status: 499 });
  });

  test("an event stream by closing: the target is reset although nothing is sent", async () => {
    await using way = await edge.way();
    const client = way.ask("GET /events HTTP/1.1");
    const target = await way.target.next();
    target.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n");
    await client.until("data: 1");
    client.socket.destroy();
    await target.untilReset();
  });
});

describe("half-close", () => {
  test("after the request: the answer arrives", async () => {
    await using way = await edge.way();
    const client = way.ask();
    client.end();
    const target = await way.target.next();
    await until("the edge has read the end", async () => (await way.metric("orco_edge_inflight")) === 1);
    target.write(LENGTH);
    target.write("world");
    expect(await client.untilEnd()).toBe("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhelloworld");
    expect(client.error).toBeUndefined();
  });

  test("after a request with a body, and a long answer after it", async () => {
    await using way = await edge.way();
    const client = way.ask("POST / HTTP/1.1", "Content-Length: 5");
    client.write("hello");
    client.end();
    const target = await way.target.next();
    expect(withoutIds(await target.until("hello"))).toBe(`${forwarded("POST / HTTP/1.1", "Content-Length: 5")}hello`);
    target.write(`HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n${"a".repeat(3_000_000)}`);
    expect((await client.untilEnd()).length).toBeGreaterThan(3_000_000);
  });

  test("after several requests in one packet: all are answered", async () => {
    await using way = await edge.way();
    const client = way.say(request("GET /1 HTTP/1.1") + request("GET /2 HTTP/1.1") + request("GET /3 HTTP/1.1"));
    client.end();
    const target = await way.target.next();
    for (const path of ["/1", "/2", "/3"]) {
      await target.until(`GET ${path} `);
      target.write(answer(path));
    }
    expect(await client.untilEnd()).toBe(answer("/1") + answer("/2") + answer("/3", "Connection: close"));
  });

  test("after requests whose answers the client reads late: all are answered", async () => {
    await using way = await edge.way();
    const paths = Array.from({ length: 40 }, (_, n) => `/${n}`);
    const client = way.connect();
    client.socket.pause();
    client.write(paths.map((path) => request(`GET ${path} HTTP/1.1`)).join(""));
    const target = await way.target.next();
    const body = "a".repeat(400_000);
    let asked = 0;
    const answered = (async () => {
      for (const path of paths) {
        await target.until(`GET ${path} `);
        asked++;
        target.write(answer(body));
      }
    })();
    await until("several answers to be on their way", () => asked > 3);
    client.end();
    client.socket.resume();
    await answered;
    client.quiet = true;
    await client.untilEnd();
    expect(client.bytes).toBe(40 * answer(body).length + "Connection: close\r\n".length);
  });

  test("in the middle of a head: nothing is forwarded, the connection ends", async () => {
    await using way = await edge.way();
    const client = way.say("GET / HTTP/1.1\r\nHost: a.exam");
    client.end();
    await client.untilEnd();
    expect(way.target.connections.length).toBe(0);
  });

  test("of a target after a whole answer: the connection is not used again", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    target.write(answer("one"));
    target.end();
    await client.until("one");
    await target.until((peer) => peer.ended);
    client.write(request("GET /2 HTTP/1.1"));
    (await way.target.next()).write(answer("two"));
    await client.until("two");
  });
});

describe("an answer before the end of the upload", () => {
  test("reaches the client whole, and then the connection ends, while the rest of the upload is thrown away", async () => {
    await using way = await edge.way();
    const client = way.ask("POST / HTTP/1.1", "Content-Length: 100000000");
    const target = await way.target.next();
    client.write(Buffer.alloc(5_000_000));
    target.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    expect(await client.untilEnd()).toBe("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    client.write(Buffer.alloc(5_000_000));
    await target.until((peer) => peer.closed);
    expect(client.error).toBeUndefined();
    expect((await way.records())[0]).toMatchObject({ status: 413, method: "POST" });
  });

  test("of a target that closes without reading all of it reaches the client, too", async () => {
    await using way = await edge.way();
    const client = way.ask("POST / HTTP/1.1", "Content-Length: 100000000");
    client.write(Buffer.alloc(300_000));
    const target = await way.target.next();
    target.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    target.end();
    expect(await client.untilEnd()).toEndWith("Connection: close\r\n\r\nbig");
  });

  test("may go on beside it: both directions flow", async () => {
    await using way = await edge.way();
    const client = way.ask("POST / HTTP/1.1", "Transfer-Encoding: chunked");
    const target = await way.target.next();
    target.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (const word of ["one", "two", "six"]) {
      client.write(`3\r\n${word}\r\n`);
      await target.until(word);
      target.write(`3\r\n${word}\r\n`);
      await client.until(word);
    }
    client.write("0\r\n\r\n");
    await target.until("six\r\n0\r\n\r\n");
    target.write("0\r\n\r\n");
    await client.until("six\r\n0\r\n\r\n");
  });
});
