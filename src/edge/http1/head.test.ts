import { describe, expect, test } from "bun:test";
import { processorTime } from "../../../test/processor-time.ts";
import { parseRequest, parseResponse } from "./head.ts";
import { MAX_HEAD_BYTES, MAX_TARGET_BYTES, type Refusal, type RequestHead, type ResponseHead } from "./message.ts";

function request(text: string): RequestHead {
  const parsed = parseRequest(Buffer.from(text, "latin1"));
  if (parsed.kind !== "head") throw new Error(JSON.stringify(parsed));
  return parsed.head;
}

function refusal(text: string): Refusal | undefined {
  const parsed = parseRequest(Buffer.from(text, "latin1"));
  return parsed.kind === "refused" ? parsed.refusal : undefined;
}

function response(text: string, method = "GET"): ResponseHead {
  const parsed = parseResponse(Buffer.from(text, "latin1"), { method });
  if (parsed.kind !== "head") throw new Error(JSON.stringify(parsed));
  return parsed.head;
}

const HOST = "Host: a\r\n";

describe("a request head", () => {
  test("is read once, its headers in order with case and repetitions, whitespace around values gone", () => {
    const head = request("PUT /x?y HTTP/1.1\r\nHost: A.example:8080\r\nX-a:1\r\nx-A: \t two  words \t\r\nempty:\r\n\r\nbody");
    expect([head.method, head.target, head.version, head.host, head.bytes]).toEqual(["PUT", "/x?y", 1, "a.example:8080", 79]);
    expect(head.headers).toEqual([
      ["Host", "A.example:8080"],
      ["X-a", "1"],
      ["x-A", "two  words"],
      ["empty", ""],
    ]);
    expect([head.framing, head.keepAlive, head.expectContinue, head.upgrade]).toEqual([{ kind: "none" }, true, false, undefined]);
  });

  test("may begin anywhere and after one empty line, which counts", () => {
    const bytes = Buffer.from(`junk\r\nGET / HTTP/1.1\r\n${HOST}\r\nrest`);
    const parsed = parseRequest(bytes, 4);
    expect(parsed.kind === "head" && parsed.head.bytes).toBe(bytes.length - 8);
  });

  const framings: [string, RequestHead["framing"]][] = [
    ["Content-Length: 0", { kind: "length", bytes: 0 }],
    ["content-length: \t999999999999999 ", { kind: "length", bytes: 999_999_999_999_999 }],
    ["Transfer-Encoding: chunked", { kind: "chunked" }],
    ["X: y", { kind: "none" }],
  ];
  test.each(framings)("with %s", (line, framing) => expect(request(`POST / HTTP/1.1\r\n${HOST}${line}\r\n\r\n`).framing).toEqual(framing));

  const connections: [string, string, boolean][] = [
    ["1.1", "X: y", true],
    ["1.1", "Connection: close", false],
    ["1.1", "Connection: x, CLOSE", false],
    ["1.1", "Connection: keep-alive\r\nConnection: close", false],
    ["1.1", "Connection: closed", true],
    ["1.0", "X: y", false],
    ["1.0", "Connection: Keep-Alive", true],
    ["1.0", "Connection: keep-alive, close", false],
  ];
  test.each(connections)("HTTP/%s with %p: the connection stays: %p", (version, line, stays) =>
    expect(request(`GET / HTTP/${version}\r\n${HOST}${line}\r\n\r\n`).keepAlive).toBe(stays),
  );

  const upgrades: [string, string, string | undefined][] = [
    ["1.1", "Connection: Upgrade\r\nUpgrade: WebSocket", "websocket"],
    ["1.1", "Connection: keep-alive, upgrade\r\nUpgrade: a/1, b", "a/1, b"],
    ["1.1", "Upgrade: websocket", undefined],
    ["1.1", "Connection: upgrade", undefined],
    ["1.1", "Connection: upgrade\r\nUpgrade: h2c", undefined],
    ["1.1", "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: H2C", undefined],
    ["1.1", "Connection: upgrade\r\nUpgrade: HTTP/2.0", undefined],
    ["1.1", "Connection: upgrade\r\nUpgrade: TLS/1.2", undefined],
    ["1.0", "Connection: upgrade\r\nUpgrade: websocket", undefined],
  ];
  test.each(upgrades)("HTTP/%s with %p upgrades to %p", (version, lines, upgrade) =>
    expect(request(`GET / HTTP/${version}\r\n${HOST}${lines}\r\n\r\n`).upgrade).toBe(upgrade),
  );

  test("Expect is heeded in HTTP/1.1 and ignored in HTTP/1.0", () => {
    expect(request(`POST / HTTP/1.1\r\n${HOST}Expect: 100-Continue\r\n\r\n`).expectContinue).toBe(true);
    expect(request(`POST / HTTP/1.0\r\n${HOST}Expect: 100-continue\r\n\r\n`).expectContinue).toBe(false);
    expect(refusal(`POST / HTTP/1.1\r\n${HOST}Expect: x\r\n\r\n`)?.status).toBe(417);
  });

  test("HTTP/1.0 needs no Host", () => expect(request("GET / HTTP/1.0\r\n\r\n").host).toBe(""));

  test("the authority of an absolute target wins over Host", () => {
    const head = request("GET HTTP://B.example:80?x HTTP/1.1\r\nHost: a\r\n\r\n");
    expect([head.host, head.authority, head.target]).toEqual(["b.example:80", "B.example:80", "/?x"]);
    expect(request("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n").target).toBe("*");
  });

  test("addresses are hosts", () =>
    expect(request("GET / HTTP/1.1\r\nHost: [::FFFF:1.2.3.4]:65535\r\n\r\n").host).toBe("[::ffff:1.2.3.4]:65535"));
});

describe("what can become nothing valid any more is refused before it is complete", () => {
  const requests = [
    "\n",
    "\r\r",
    " ",
    "G\0",
    "GET  ",
    "GET /\t",
    "GET /\n",
    "GET /\r\n",
    "GET / HTTP/1.1\n",
    "GET / HTTP/x",
    "GET / HTTP/1.1 ",
    "CONNECT a",
  ];
  test.each(requests)("%p", (text) => expect(refusal(text)).toBeDefined());
  const lines = [
    " ",
    "\t",
    "X ",
    "X\n",
    "X: y\n",
    "X: y\r\r",
    "X: \0",
    ":",
    "Content-Length: +1\r\n",
    "Transfer-Encoding: x\r\n",
    "Host: b\r\n",
  ];
  test.each(lines)("a line %p", (line) => expect(refusal(`GET / HTTP/1.1\r\n${HOST}${line}`)).toBeDefined());
  const answers = [
    "X",
    "HTTP/2",
    "HTTP/1.2",
    "HTTP/1.1  ",
    "HTTP/1.1 0",
    "HTTP/1.1 2x",
    "HTTP/1.1 200x",
    "HTTP/1.1 200 O\0",
    "HTTP/1.1 200 OK\n",
  ];
  test.each(answers)("an answer %p", (text) => expect(parseResponse(Buffer.from(text), { method: "GET" }).kind).toBe("refused"));
});

describe("sizes", () => {
  const filled = (bytes: number): string => {
    const start = `GET / HTTP/1.1\r\n${HOST}X: `;
    return `${start}${"y".repeat(bytes - start.length - 4)}\r\n\r\n`;
  };
  test("a head of 16 KiB is taken, one byte more is not", () => {
    expect(request(filled(MAX_HEAD_BYTES)).bytes).toBe(MAX_HEAD_BYTES);
    expect(refusal(filled(MAX_HEAD_BYTES + 1))).toMatchObject({ status: 431, code: "head_too_large" });
  });
  test("an endless head is refused before its end is seen", () => {
    expect(refusal(filled(MAX_HEAD_BYTES + 1).slice(0, MAX_HEAD_BYTES))?.status).toBe(431);
    expect(refusal(filled(MAX_HEAD_BYTES + 1).slice(0, MAX_HEAD_BYTES - 1))).toBeUndefined();
  });
  test("a target of 8 KiB is taken, one byte more is not", () => {
    const of = (bytes: number): string => `GET /${"a".repeat(bytes - 1)} HTTP/1.1\r\n${HOST}\r\n`;
    expect(request(of(MAX_TARGET_BYTES)).target.length).toBe(MAX_TARGET_BYTES);
    expect(refusal(of(MAX_TARGET_BYTES + 1))?.status).toBe(414);
  });
  test("blanks, commas, slashes and dots without end take linear time", () => {
    const nasty = [
      `Connection: a${" ".repeat(15_000)}b`,
      `Connection: ${", ".repeat(7_500)}`,
      `Transfer-Encoding: a${"\t".repeat(15_000)}b`,
    ];
    const spent = processorTime();
    for (const line of nasty) parseRequest(Buffer.from(`GET / HTTP/1.1\r\n${HOST}${line}\r\n\r\n`));
    for (const part of ["/", "/a/..", "/%2e%2e", "/.%2f", "/%2f"]) parseRequest(Buffer.from(`GET ${part.repeat(1600)}`));
    for (const part of ["/", "/a/..", "/%2e%2e", "/.%2f", "/%2f"]) parseRequest(Buffer.from(`GET ${part.repeat(1000)} HTTP/1.1\r\n\r\n`));
    expect(spent()).toBeLessThan(1000);
  });
});

describe("a target's answer", () => {
  const rows: [string, string, string, ResponseHead["framing"]["kind"], boolean][] = [
    ["with a length", "GET", "200 OK\r\nContent-Length: 5", "length", true],
    ["in chunks", "GET", "200 OK\r\nTransfer-Encoding: chunked", "chunked", true],
    ["until the end", "GET", "200 OK\r\nX: y", "until-close", false],
    ["that closes", "GET", "200 OK\r\nContent-Length: 5\r\nConnection: close", "length", false],
    ["to HEAD", "HEAD", "200 OK\r\nContent-Length: 5", "none", true],
    ["to HEAD, in chunks", "HEAD", "200 OK\r\nTransfer-Encoding: chunked", "none", true],
    ["204", "GET", "204 No Content", "none", true],
    ["204 with a length of 0", "GET", "204 No Content\r\nContent-Length: 0", "none", true],
    ["204 that announces a body", "GET", "204 No Content\r\nContent-Length: 5", "none", false],
    ["204 that announces chunks", "GET", "204 No Content\r\nTransfer-Encoding: chunked", "none", false],
    ["304", "GET", "304 Not Modified\r\nContent-Length: 5", "none", true],
    ["100", "POST", "100 Continue", "none", true],
    ["103", "GET", "103 Early Hints\r\nLink: x", "none", true],
    ["101", "GET", "101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket", "none", true],
    ["without reason", "GET", "200\r\nContent-Length: 0", "length", true],
  ];
  test.each(rows)("%s", (_name, method, text, kind, stays) => {
    const head = response(`HTTP/1.1 ${text}\r\n\r\n`, method);
    expect([head.framing.kind, head.keepAlive]).toEqual([kind, stays]);
  });

  test("has status, reason and headers as they were", () => {
    const head = response("HTTP/1.0 404 Nicht da \xe4\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n");
    expect([head.status, head.reason, head.version]).toEqual([404, "Nicht da \xe4", 0]);
    expect(head.headers.map(([, value]) => value)).toEqual(["a", "b"]);
  });

  const wrong: [string, string][] = [
    ["HTTP/1.1 20 OK\r\n\r\n", "bad_status_line"],
    ["HTTP/1.1 2000 OK\r\n\r\n", "bad_status_line"],
    ["HTTP/1.1  200 OK\r\n\r\n", "bad_status_line"],
    ["HTTP/1.1 099 OK\r\n\r\n", "bad_status_line"],
    ["HTTP/2 200 OK\r\n\r\n", "bad_status_line"],
    ["HTTP/1.1 200 O\0K\r\n\r\n", "bad_status_line"],
    ["hello", "bad_status_line"],
    ["HTTP/1.1 200 OK\nX: y\n\n", "bad_status_line"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "length_and_chunked"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "duplicate_content_length"],
    ["HTTP/1.1 204 OK\r\nContent-Length: x\r\n\r\n", "bad_content_length"],
    ["HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer_encoding_in_http_1_0"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "bad_transfer_encoding"],
    ["HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", "folded_header"],
    ["HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "bad_header_name"],
  ];
  test.each(wrong)("%p is a 502", (text, code) => {
    expect(parseResponse(Buffer.from(text, "latin1"), { method: "GET" })).toMatchObject({
      kind: "refused",
      refusal: { status: 502, code },
    });
  });
});
