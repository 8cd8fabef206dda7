import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { bodyScanner, dechunk } from "./body.ts";
import { CORPUS } from "./corpus.suite.ts";
import { parseRequest, parseResponse } from "./head.ts";
import { requestHeadFor } from "./hop.ts";
import { aimOf } from "./target.ts";

type Parse = (bytes: Buffer) => { kind: string; refusal?: { code: string }; head?: { bytes: number } };
const answer: Parse = (bytes) => parseResponse(bytes, { method: "GET" });

/** What the parser says first that is not `more`, when it is asked after each of `ends`. */
function firstSaid(parse: Parse, bytes: Buffer, ends: readonly number[]): string {
  for (const end of ends) {
    const { kind, refusal, head } = parse(bytes.subarray(0, end));
    if (kind !== "more") return refusal?.code ?? `head of ${head?.bytes}`;
  }
  return "more";
}

/** One byte at a time, said as when all bytes come at once; heads above the limit only near it, to keep this short. */
function expectSameAtEveryByte(parse: Parse, bytes: Buffer): void {
  const everywhere = Array.from({ length: bytes.length }, (_, i) => i + 1);
  const ends = bytes.length < 4000 ? everywhere : everywhere.filter((end) => end % 97 === 0 || end > bytes.length - 3);
  expect(firstSaid(parse, bytes, ends)).toBe(firstSaid(parse, bytes, [bytes.length]));
}

test.each(CORPUS.map((each) => [each.name, each.bytes] as const))("%s: byte by byte as at once", (_name, text) => {
  expectSameAtEveryByte(parseRequest, Buffer.from(text, "latin1"));
});

const piece = fc.constantFrom(
  ..."GET ,POST ,CONNECT ,/,/a,//,/.,/..,%2e,%2F,?,*,http://b, HTTP/1.1\r\n, HTTP/1.0\r\n, HTTP/2.0\r\n,Host: a\r\n,host:b\r\n".split(","),
  ..."Content-Length: 5\r\n,Content-Length: +5\r\n,Transfer-Encoding: chunked\r\n,Connection: close\r\n,HTTP/1.1 200 OK\r\n,HTTP/1.1 204\r\n".split(
    ",",
  ),
  ..."X: y\r\n,X : y\r\n, folded\r\n,\r\n,\r\n\r\n,\r,\n,:,\t, ,x,\0,5\r\nhello\r\n,0\r\n,5;a=b\r\n,\xff".split(","),
  "Expect: 100-continue\r\n",
);
const message = fc.array(piece, { minLength: 1, maxLength: 14 }).map((pieces) => Buffer.from(pieces.join(""), "latin1"));
const start = fc.constantFrom("", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "HTTP/1.1 200 OK\r\n");
const started = fc.tuple(start, message).map(([first, rest]) => Buffer.concat([Buffer.from(first), rest]));

test("whatever is sent, byte by byte is as at once: requests and answers", () => {
  fc.assert(
    fc.property(started, (bytes) => {
      expectSameAtEveryByte(parseRequest, bytes);
      expectSameAtEveryByte(answer, bytes);
    }),
    { numRuns: 2000 },
  );
});

const chunkPiece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("5\r\nhello\r\n", "1\r\nx\r\n", "a;x=y\r\n0123456789\r\n", "0\r\n", "\r\n", "X: y\r\n") },
  { weight: 1, arbitrary: fc.constantFrom("5", ";", "\r", "\n", " ", "0x", "X : y\r\n", "Host: a\r\n", "\0", "f".repeat(14), "-1\r\n") },
);
const chunks = fc.array(chunkPiece, { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join(""), "latin1"));
const cuts = fc.array(fc.nat({ max: 80 }), { maxLength: 6 });

function scanInPieces(bytes: Buffer, ends: readonly number[]): string {
  const scanner = dechunk();
  let payload = "";
  let from = 0;
  for (const end of [...ends.filter((each) => each < bytes.length).toSorted((a, b) => a - b), bytes.length]) {
    const scan = scanner.scan(bytes.subarray(from, end));
    if ("refused" in scan) return scan.refused.code;
    payload += Buffer.concat(scan.payload).toString("latin1");
    from += scan.consumed;
    if (scan.done) return `${payload} in ${from}`;
  }
  return `${payload} and more`;
}

test("however a chunked body is split, its end, payload or refusal is the same", () => {
  fc.assert(
    fc.property(chunks, cuts, (bytes, at) => {
      const everywhere = Array.from({ length: bytes.length }, (_, i) => i);
      const whole = scanInPieces(bytes, []);
      expect(scanInPieces(bytes, at)).toBe(whole);
      expect(scanInPieces(bytes, everywhere)).toBe(whole);
    }),
    { numRuns: 3000 },
  );
});

test("a body in chunks of any size is taken apart to what it was", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 }), cuts, (parts, at) => {
      const framed = parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]);
      const bytes = Buffer.concat([...framed, Buffer.from("0\r\n\r\n")]);
      expect(scanInPieces(bytes, at)).toBe(`${Buffer.concat(parts).toString("latin1")} in ${bytes.length}`);
      expect(bodyScanner({ kind: "chunked" }).scan(bytes)).toEqual({ consumed: bytes.length, done: true });
    }),
    { numRuns: 500 },
  );
});

const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const value = fc.stringMatching(/^(?:[!-~\xa1-\xff](?:[\t -~\xa1-\xff]{0,20}[!-~\xa1-\xff])?)?$/);
const known =
  /^(?:host|te|content.length|transfer.encoding|connection|upgrade|expect|keep.alive|proxy.*|x.forwarded.*|x.request.id|forwarded)$/i;
const headers = fc.array(
  fc.tuple(
    token.filter((name) => !known.test(name)),
    value,
  ),
  { maxLength: 12 },
);

test("what is written is what was read: serialise, parse, rewrite, parse", () => {
  fc.assert(
    fc.property(token, headers, (method, list) => {
      if (method === "CONNECT") return;
      const lines = list.map(([name, text]) => `${name}: ${text}\r\n`).join("");
      const read = parseRequest(Buffer.from(`${method} /x HTTP/1.1\r\nHost: a\r\n${lines}\r\n`, "latin1"));
      if (read.kind !== "head") throw new Error(JSON.stringify(read));
      expect(read.head.headers.slice(1).map(([name, text]) => [name, text])).toEqual(list.map(([name, text]) => [name, text]));
      const again = parseRequest(requestHeadFor(read.head, { peer: "1.2.3.4", proto: "http", requestId: "r", trusted: false }));
      if (again.kind !== "head") throw new Error(JSON.stringify(again));
      expect(again.head.headers.slice(0, -4)).toEqual([...read.head.headers]);
      expect([again.head.method, again.head.target, again.head.host]).toEqual([method, "/x", "a"]);
    }),
    { numRuns: 500 },
  );
});

const segment = fc.constantFrom("a", "", ".", "..", "%2e", ".%2E", "%2f", "b;c", "..;", "...", "%5c", "%41", "a%2e");

test("a canonical target is its own canonical form, begins with one slash and has no dot segment", () => {
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 8 }), fc.constantFrom("", "?", "?/../x"), (segments, query) => {
      const aim = aimOf("GET", `/${segments.join("/")}${query}`);
      if ("kind" in aim) return;
      expect(aimOf("GET", aim.target)).toEqual({ target: aim.target });
      expect(aim.target.endsWith(query)).toBe(true);
      const path = aim.target.slice(0, aim.target.length - query.length);
      expect(path).toMatch(/^\/(?!\/)/);
      expect(path.split("/").filter((each) => /^(?:\.|%2e){1,2}$/i.test(each))).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});
