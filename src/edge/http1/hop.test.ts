import { describe, expect, test } from "bun:test";
import { parseRequest, parseResponse } from "./head.ts";
import { type Forwarding, requestHeadFor, requestIdOf, type Returning, responseHeadFor, staysOpen } from "./hop.ts";
import type { RequestHead, ResponseHead } from "./message.ts";

const FORWARDING: Forwarding = { peer: "192.0.2.7", proto: "https", requestId: "r1", trusted: false };
const ADDED = ["X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: a", "X-Request-Id: r1"];

function request(lines: readonly string[], start = "GET / HTTP/1.1"): RequestHead {
  const parsed = parseRequest(Buffer.from([start, ...lines, "", ""].join("\r\n"), "latin1"));
  if (parsed.kind !== "head") throw new Error(JSON.stringify(parsed));
  return parsed.head;
}

function response(lines: readonly string[], start = "HTTP/1.1 200 OK"): ResponseHead {
  const parsed = parseResponse(Buffer.from([start, ...lines, "", ""].join("\r\n"), "latin1"), { method: "GET" });
  if (parsed.kind !== "head") throw new Error(JSON.stringify(parsed));
  return parsed.head;
}

function linesOf(bytes: Buffer): string[] {
  const text = bytes.toString("latin1");
  expect(text.endsWith("\r\n\r\n")).toBe(true);
  return text.slice(0, -4).split("\r\n");
}

function forwarded(lines: readonly string[], forwarding: Partial<Forwarding> = {}): string[] {
  return linesOf(requestHeadFor(request(["Host: a", ...lines]), { ...FORWARDING, ...forwarding })).slice(2);
}

function returned(lines: readonly string[], returning: Partial<Returning> = {}): string[] {
  return linesOf(responseHeadFor(response(lines), { clientVersion: 1, keepAlive: true, ...returning })).slice(1);
}

describe("to a target", () => {
  test("names, case, order, repetitions and bytes are as received, and nothing is invented but what is listed", () => {
    const lines = ["hOST:  A", "accept:*/*", "X-b: \xff\xe4", "Cookie: a", "cookie: b", "User-Agent:\tx "];
    const bytes = requestHeadFor(request(lines, "DELETE /x?y=%zz HTTP/1.1"), FORWARDING);
    expect(linesOf(bytes)).toEqual(["DELETE /x?y=%zz HTTP/1.1", ...lines, ...ADDED]);
  });

  test("what was told of a peer before is told again, for the same host only", () => {
    const introduced = { host: undefined, lines: "" };
    const told = (host: string, more: Partial<Forwarding> = {}): string[] =>
      linesOf(requestHeadFor(request([`Host: ${host}`]), { ...FORWARDING, introduced, ...more })).filter((line) => /^x-f/i.test(line));
    const about = (host: string): string[] => [...ADDED.slice(0, 2), `X-Forwarded-Host: ${host}`];
    for (const host of ["a", "a", "b", "a"]) expect(told(host)).toEqual(about(host));
    expect(told("c", { trusted: true })).toEqual(about("c"));
    expect(told("a")).toEqual(about("a"));
  });

  test("what concerns one hop is left out", () => {
    expect(
      forwarded(["Connection: keep-alive", "Keep-Alive: 5", "Proxy-Connection: x", "Proxy-Authorization: y", "Upgrade: websocket"]),
    ).toEqual(ADDED);
  });

  test("what Connection lists is left out, but never Host, Content-Length or X-Forwarded-*", () => {
    const lines = [
      "X-Hop: 1",
      "Content-Length: 5",
      "connection: x-HOP, host, content-length, x-forwarded-for, close",
      "X-Keep: 2",
      "x-hop: 3",
    ];
    expect(forwarded(lines)).toEqual(["Content-Length: 5", "X-Keep: 2", ...ADDED]);
  });

  test("TE is kept for trailers only, and listed", () => {
    expect(forwarded(["TE: gzip, Trailers"])).toEqual(["TE: trailers", "Connection: TE", ...ADDED]);
    expect(forwarded(["TE: gzip", "Connection: TE"])).toEqual(ADDED);
  });

  test("framing is written plainly", () => {
    expect(forwarded(["transfer-encoding:\t CHUNKED \t"])).toEqual(["transfer-encoding: chunked", ...ADDED]);
    expect(forwarded(["content-length:\t5 "])).toEqual(["content-length: 5", ...ADDED]);
  });

  test("an upgrade is kept and listed; h2c is not one", () => {
    expect(forwarded(["Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"])).toEqual([
      "Upgrade: websocket",
      "Sec-WebSocket-Key: x",
      "Connection: Upgrade",
      ...ADDED,
    ]);
    expect(forwarded(["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x"])).toEqual(ADDED);
  });

  const spoofed = [
    "X-Forwarded-For: 1.1.1.1",
    "x-forwarded-for: 2.2.2.2",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Port: 1",
    "X-Forwarded-Tls-Client-Cert-Info: CN=admin",
    "Forwarded: for=1.1.1.1",
  ];
  const aliases = [
    "X_Forwarded_For: 1.1.1.1",
    "x_forwarded_tls_client_cert_info_of_somebody: x",
    "X-Forwarded_Port: 1",
    "x_request_id: x",
    "Proxy_Authorization: x",
  ];

  test("what an untrusted peer says of the client is overwritten, underscores or not", () => {
    expect(forwarded([...spoofed, ...aliases])).toEqual(ADDED);
  });

  test("what a trusted proxy says is kept, its address appended; names with underscores stay out", () => {
    expect(forwarded([...spoofed, ...aliases], { trusted: true })).toEqual([
      "X-Forwarded-Proto: http",
      "X-Forwarded-Host: evil",
      "X-Forwarded-Port: 1",
      "X-Forwarded-Tls-Client-Cert-Info: CN=admin",
      "Forwarded: for=1.1.1.1",
      "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.7",
      "X-Request-Id: r1",
    ]);
  });

  const ids: [string[], string | undefined][] = [
    [["X-Request-Id: a.B_c-9"], "a.B_c-9"],
    [[`x-request-id: ${"a".repeat(64)}`], "a".repeat(64)],
    [[`X-Request-Id: ${"a".repeat(65)}`], undefined],
    [["X-Request-Id: a b"], undefined],
    [["X-Request-Id:"], undefined],
    [["X-Request-Id: a", "X-Request-Id: b"], undefined],
  ];
  test.each(ids)("%p: the request id is %p", (lines, id) => {
    expect(requestIdOf(request(["Host: a", ...lines]))).toBe(id);
    const kept = forwarded(lines).filter((line) => /^x-request-id/i.test(line));
    expect(kept).toEqual(id === undefined ? ["X-Request-Id: r1"] : lines);
  });

  test("an absolute target's authority replaces Host", () => {
    const bytes = requestHeadFor(request(["X: y", "Host: a"], "GET http://B:1/x HTTP/1.1"), FORWARDING);
    expect(linesOf(bytes).slice(0, 3)).toEqual(["GET /x HTTP/1.1", "X: y", "Host: B:1"]);
    expect(linesOf(bytes)).toContain("X-Forwarded-Host: b:1");
  });

  test("HTTP/1.0 becomes HTTP/1.1: a missing Host is the target's, an expectation is left out", () => {
    const head = request(["Expect: 100-continue", "X: y"], "GET / HTTP/1.0");
    expect(linesOf(requestHeadFor(head, { ...FORWARDING, targetHost: "127.0.0.1:81" }))).toEqual([
      "GET / HTTP/1.1",
      "Host: 127.0.0.1:81",
      "X: y",
      "X-Forwarded-For: 192.0.2.7",
      "X-Forwarded-Proto: https",
      "X-Request-Id: r1",
    ]);
    const absolute = request([], "GET http://b/ HTTP/1.0");
    expect(linesOf(requestHeadFor(absolute, FORWARDING))[1]).toBe("Host: b");
  });

  test("an expectation of HTTP/1.1 goes on", () => expect(forwarded(["Expect: 100-continue"])).toEqual(["Expect: 100-continue", ...ADDED]));
});

describe("to a client", () => {
  test("names, case, order, repetitions and bytes are as received", () => {
    const lines = ["server:x", "Set-Cookie: a=1", "set-cookie:\tb=2 ", "X: \xe4", "Content-Length: 5", "Trailer: T"];
    const bytes = responseHeadFor(response(lines, "HTTP/1.1 404 Nicht da"), { clientVersion: 1, keepAlive: true });
    expect(linesOf(bytes)).toEqual(["HTTP/1.1 404 Nicht da", ...lines]);
  });

  test("what concerns one hop is left out", () => {
    const lines = ["Connection: close, X-Hop", "Keep-Alive: 5", "X-Hop: 1", "Upgrade: h2c", "Proxy-Connection: x", "Content-Length: 0"];
    expect(returned(lines)).toEqual(["Content-Length: 0"]);
  });

  const rows: [string, string[], Partial<Returning>, string[]][] = [
    ["the edge closes", ["Content-Length: 1"], { keepAlive: false }, ["Content-Length: 1", "Connection: close"]],
    ["the body ends with the connection", ["X: y"], {}, ["X: y", "Connection: close"]],
    ["chunks to HTTP/1.1", ["transfer-encoding: Chunked"], {}, ["transfer-encoding: chunked"]],
    ["chunks to HTTP/1.0", ["Transfer-Encoding: chunked"], { clientVersion: 0 }, ["Connection: close"]],
    ["a length to HTTP/1.0", ["Content-Length: 1"], { clientVersion: 0 }, ["Content-Length: 1", "Connection: keep-alive"]],
  ];
  test.each(rows)("%s", (_name, lines, returning, expected) => {
    expect(returned(lines, returning)).toEqual(expected);
    expect(staysOpen(response(lines), { clientVersion: 1, keepAlive: true, ...returning })).toBe(!expected.includes("Connection: close"));
  });

  test("1xx says nothing of the connection, and 101 keeps its upgrade", () => {
    const returning = { clientVersion: 1, keepAlive: false } as const;
    const early = response(["Link: x"], "HTTP/1.1 103 Early Hints");
    expect(linesOf(responseHeadFor(early, returning))).toEqual(["HTTP/1.1 103 Early Hints", "Link: x"]);
    const switched = response(["connection: upgrade", "upgrade: websocket"], "HTTP/1.1 101 Switching Protocols");
    expect(linesOf(responseHeadFor(switched, returning)).slice(1)).toEqual(["upgrade: websocket", "Connection: Upgrade"]);
  });

  test("204 and 1xx have neither a length nor chunks", () => {
    for (const line of ["Content-Length: 0", "Transfer-Encoding: chunked"]) {
      const head = response([line, "X: y"], "HTTP/1.1 204 No Content");
      expect(linesOf(responseHeadFor(head, { clientVersion: 1, keepAlive: true }))).toEqual(["HTTP/1.1 204 No Content", "X: y"]);
    }
  });
});
