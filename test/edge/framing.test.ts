import { describe, expect, test } from "bun:test";
import { Memory, still } from "./flow.ts";
import { ADDED, answer, forwarded, request, sharedEdge, withoutIds } from "./rig.ts";

const edge = sharedEdge();

describe("answers without a body", () => {
  for (const [what, start, head] of [
    ["to HEAD, with a length", "HEAD / HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"],
    ["to HEAD, with chunks announced", "HEAD / HTTP/1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["to HEAD, with neither", "HEAD / HTTP/1.1", "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n"],
    ["of status 204", "DELETE / HTTP/1.1", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"],
    [
      "of status 304, with the length of what it is not",
      "GET / HTTP/1.1",
      'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 1234\r\n\r\n',
    ],
    ["of status 304, with chunks announced", "GET / HTTP/1.1", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"],
    ["of length 0", "GET / HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
  ] as const) {
    test(`${what}: over with the head, on both connections`, async () => {
      await using way = await edge.way();
      const client = way.ask(start);
      const target = await way.target.next();
      target.write(head);
      expect(await client.until("\r\n\r\n")).toBe(head);
      client.write(request("GET /next HTTP/1.1"));
      expect(withoutIds(await target.until("/next"))).toBe(forwarded(start) + forwarded("GET /next HTTP/1.1"));
      target.write(answer("next"));
      expect(await client.until("next")).toBe(head + answer("next"));
    });
  }

  test("of status 204 with a length: it is dropped, and what comes behind it reaches nobody", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    target.write("HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    expect(await client.until("\r\n\r\n")).toBe("HTTP/1.1 204 No Content\r\n\r\n");
    await target.until((peer) => peer.ended || peer.closed);
    client.write(request("GET /next HTTP/1.1"));
    const next = await way.target.next();
    next.write(answer("next"));
    expect(await client.until("next")).toEndWith(`\r\n\r\n${answer("next")}`);
    expect(client.text).not.toContain("poison");
  });
});

describe("interim answers", () => {
  test("100 Continue: the client waits, the target's word lets it go on", async () => {
    await using way = await edge.way();
    const lines = ["POST / HTTP/1.1", "Content-Length: 5", "Expect: 100-continue"] as const;
    const client = way.ask(...lines);
    const target = await way.target.next();
    expect(withoutIds(target.text)).toBe(forwarded(...lines));
    target.write("HTTP/1.1 100 Continue\r\n\r\n");
    expect(await client.until("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello");
    expect(withoutIds(await target.until("hello"))).toBe(`${forwarded(...lines)}hello`);
    target.write(answer("got it"));
    expect(await client.until("got it")).toBe(`HTTP/1.1 100 Continue\r\n\r\n${answer("got it")}`);
  });

  test("103 Early Hints: passed on with their headers, several of them", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.js>\r\n\r\n";
    target.write(hints);
    expect(await client.until("b.js>\r\n\r\n")).toBe(hints);
    target.write(answer("done"));
    expect(await client.until("done")).toBe(hints + answer("done"));
  });

  test("102 and 199, glued to the answer: all are passed on", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const all = `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Whatever\r\nX-A: b\r\n\r\n${answer("done")}`;
    (await way.target.next()).write(all);
    expect(await client.until("done")).toBe(all);
  });

  test("a thousand of them to a client that does not read stop the target", async () => {
    await using way = await edge.way();
    const client = way.connect();
    client.socket.pause();
    client.write(request());
    const target = await way.target.next();
    const hint = `HTTP/1.1 103 Early Hints\r\nX-A: ${"a".repeat(15_000)}\r\n\r\n`;
    for (let n = 0; n < 3_000; n++) target.write(hint);
    const memory = new Memory(edge.worker);
    expect(await still("the target", () => target.socket.writableLength)).toBeGreaterThan(1_000_000);
    expect(memory.growth).toBeLessThan(16 * 2 ** 20);
  });

  test("HTTP/1.0 knows none: only the answer arrives", async () => {
    await using way = await edge.way();
    const client = way.ask("GET / HTTP/1.0");
    (await way.target.next()).write(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${answer("done")}`);
    expect(await client.untilEnd()).toBe(answer("done", "Connection: close"));
  });
});

describe("HTTP/1.0", () => {
  const chunks = "5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\nX-Sum: 1\r\n\r\n";

  test("a client gets chunks as plain bytes that end with the connection, also when it asked to keep it", async () => {
    for (const lines of [["GET / HTTP/1.0"], ["GET / HTTP/1.0", "Connection: keep-alive"]]) {
      await using way = await edge.way();
      const client = way.ask(...lines);
      const target = await way.target.next();
      expect(withoutIds(target.text)).toBe(forwarded("GET / HTTP/1.1"));
      target.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n");
      for (const byte of chunks) target.write(byte);
      expect(await client.untilEnd()).toBe("HTTP/1.1 200 OK\r\nX-A: b\r\nConnection: close\r\n\r\nhello, world");
    }
  });

  test("chunks that are cut reset an HTTP/1.0 client: what it has must not look whole", async () => {
    await using way = await edge.way();
    const client = way.ask("GET / HTTP/1.0");
    const target = await way.target.next();
    target.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    await client.until("hello");
    target.end();
    await client.untilReset();
  });

  test("keep-alive is honoured when asked for, and said", async () => {
    await using way = await edge.way();
    const client = way.ask("GET /1 HTTP/1.0", "Connection: Keep-Alive");
    const target = await way.target.next();
    target.write(answer("one"));
    expect(await client.until("one")).toBe(answer("one", "Connection: keep-alive"));
    client.write(request("GET /2 HTTP/1.0"));
    await target.until("GET /2 HTTP/1.1");
    target.write(answer("two"));
    expect(await client.untilEnd()).toEndWith(answer("two", "Connection: close"));
  });

  test("without a Host the target gets its own address as one", async () => {
    await using way = await edge.way();
    const client = way.say("GET / HTTP/1.0\r\n\r\n");
    const target = await way.target.next();
    expect(target.text).toStartWith(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${way.target.port}\r\n`);
    target.write(answer("done"));
    await client.untilEnd();
  });

  test("a target of HTTP/1.0 may end its answer with the connection, or keep that", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    target.write("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\none");
    expect(await client.until("one")).toBe("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    client.write(request("GET /2 HTTP/1.1"));
    await target.until("/2");
    target.write("HTTP/1.0 200 OK\r\n\r\nt");
    await client.until("\r\n\r\nt");
    target.write("wo");
    target.end();
    expect(await client.untilEnd()).toEndWith("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ntwo");
  });
});

describe("pipelining", () => {
  test("a hundred requests in one packet: answered in their order, one at a time", async () => {
    await using way = await edge.way();
    const paths = Array.from({ length: 100 }, (_, n) => `/${n}`);
    const client = way.say(paths.map((path) => request(`GET ${path} HTTP/1.1`)).join(""));
    const target = await way.target.next();
    for (const [n, path] of paths.entries()) {
      await target.until(`GET ${path} HTTP/1.1`);
      expect(target.text).not.toContain(`GET /${n + 1} `);
      target.write(answer(path));
    }
    expect(await client.until("/99")).toBe(paths.map((path) => answer(path)).join(""));
    expect(way.target.connections.length).toBe(1);
  });

  test("bodies of either framing between them stay with their requests, whatever the packets", async () => {
    const parts = [
      `${request("POST /1 HTTP/1.1", "Content-Length: 5")}hello`,
      `${request("POST /2 HTTP/1.1", "Transfer-Encoding: chunked")}5\r\nGET /\r\n0\r\n\r\n`,
      request("GET /3 HTTP/1.1"),
      `${request("PUT /4 HTTP/1.1", "Content-Length: 18")}GET /x HTTP/1.1\r\n\r`,
      request("GET /5 HTTP/1.1"),
    ];
    const all = parts.join("");
    for (const step of [all.length, 7, 64]) {
      await using way = await edge.way();
      const client = way.connect();
      for (let at = 0; at < all.length; at += step) client.write(all.slice(at, at + step));
      const target = await way.target.next();
      let expected = "";
      for (const [n, part] of parts.entries()) {
        expected += part.replace("\r\n\r\n", `\r\n${ADDED.join("\r\n")}\r\n\r\n`);
        await target.until((peer) => withoutIds(peer.text).length >= expected.length);
        expect(withoutIds(target.text)).toBe(expected);
        target.write(answer(`answer ${n}`));
      }
      expect(await client.until("answer 4")).toBe(parts.map((_, n) => answer(`answer ${n}`)).join(""));
    }
  });

  test("what follows a request that says close is not looked at", async () => {
    await using way = await edge.way();
    const client = way.say(request("GET /1 HTTP/1.1", "Connection: close") + request("GET /2 HTTP/1.1"));
    (await way.target.next()).write(answer("one"));
    expect(await client.untilEnd()).toBe(answer("one", "Connection: close"));
    expect(way.target.heard).not.toContain("/2");
  });

  test("an empty line before a request is passed over, a second one is not", async () => {
    await using way = await edge.way();
    const client = way.say(`\r\n${request()}`);
    const target = await way.target.next();
    target.write(answer("one"));
    await client.until("one");
    client.write(`\r\n\r\n${request("GET /2 HTTP/1.1")}`);
    expect(await client.untilEnd()).toContain("HTTP/1.1 400 ");
    expect(way.target.heard).not.toContain("/2");
  });
});

describe("Connection: close", () => {
  test("of the client ends its connection after the answer, and not the target's", async () => {
    await using way = await edge.way();
    const client = way.ask("GET / HTTP/1.1", "Connection: close");
    const target = await way.target.next();
    expect(withoutIds(target.text)).toBe(forwarded());
    target.write(answer("one"));
    expect(await client.untilEnd()).toBe(answer("one", "Connection: close"));
    const second = way.ask("GET /2 HTTP/1.1");
    await target.until("/2");
    target.write(answer("two"));
    await second.until("two");
    expect(way.target.connections.length).toBe(1);
  });

  test("of the target ends its connection after the answer, and not the client's", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    target.write(answer("one", "Connection: close"));
    expect(await client.until("one")).toBe(answer("one"));
    await target.until((peer) => peer.ended);
    client.write(request("GET /2 HTTP/1.1"));
    const second = await way.target.next();
    second.write(answer("two"));
    expect(await client.until("two")).toBe(answer("one") + answer("two"));
  });
});

describe("trailers", () => {
  const chunked = "3\r\nabc\r\n0\r\nX-Sum: 9\r\nX-More: \xe4\r\n\r\n";

  test("of a request reach the target, with its chunks byte for byte", async () => {
    await using way = await edge.way();
    const client = way.say(request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Trailer: X-Sum", "TE: trailers") + chunked);
    const target = await way.target.next();
    expect(withoutIds(await target.until("X-More: \xe4\r\n\r\n"))).toBe(
      `${[
        "POST / HTTP/1.1",
        "Host: a.example",
        "Transfer-Encoding: chunked",
        "Trailer: X-Sum",
        "TE: trailers",
        "Connection: TE",
        ...ADDED,
      ].join("\r\n")}\r\n\r\n${chunked}`,
    );
    target.write(answer("one"));
    await client.until("one");
  });

  test("of an answer reach the client, however they are cut into packets, and the connection goes on", async () => {
    await using way = await edge.way();
    const client = way.ask();
    const target = await way.target.next();
    const whole = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n${chunked}`;
    for (const byte of whole) target.write(byte);
    expect(await client.until("X-More: \xe4\r\n\r\n")).toBe(whole);
    client.write(request("GET /2 HTTP/1.1"));
    await target.until("/2");
    target.write(whole);
    expect(await client.until((peer) => peer.text.length === 2 * whole.length)).toBe(whole + whole);
  });
});
