import { expect, test } from "bun:test";
import { answer, forwarded, request, sharedEdge, withoutIds } from "./rig.ts";

/** What must never be a request of its own. */
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n";
const edge = sharedEdge();

interface Case {
  readonly what: string;
  readonly bytes: string;
  readonly status: number;
  readonly code: string;
}

const HOST = "Host: a.example\r\n";
const bad = (what: string, bytes: string, code: string): Case => ({ what, bytes, status: 400, code });
const post = (...lines: string[]): string => `POST /refused HTTP/1.1\r\n${HOST}${lines.join("\r\n")}\r\n\r\n`;
const get = (...lines: string[]): string => `GET /refused HTTP/1.1\r\n${HOST}${lines.join("\r\n")}\r\n\r\n`;

const LENGTHS: readonly Case[] = [
  bad("CL and TE", `${post("Content-Length: 4", "Transfer-Encoding: chunked")}0\r\n\r\n`, "length_and_chunked"),
  bad("TE and CL", `${post("Transfer-Encoding: chunked", "Content-Length: 4")}0\r\n\r\n`, "length_and_chunked"),
  bad("TE of 1.1 with a CL of 0", `${post("Content-Length: 0", "Transfer-Encoding: chunked")}0\r\n\r\n`, "length_and_chunked"),
  bad("two CLs that differ", post("Content-Length: 0", "Content-Length: 44"), "duplicate_content_length"),
  bad("two CLs that agree", `${post("Content-Length: 2", "Content-Length: 2")}ab`, "duplicate_content_length"),
  ...["+5", "0x5", "-5", "5, 5", "5 5", "5.0", "5;", "05", "1_0", "\xb2", '"5"', "", "18446744073709551621", "5e1"].map((value) =>
    bad(`a CL of ${value || "nothing"}`, `${post(`Content-Length: ${value}`)}hello`, "bad_content_length"),
  ),
  bad("a CL spelled with an underscore", post("Content_Length: 5"), "ambiguous_header"),
];

const CODINGS: readonly Case[] = [
  ...["chunked, gzip", "gzip", "chunked, chunked", "chunked;"].map((value) =>
    bad(`a TE of ${value}`, `${post(`Transfer-Encoding: ${value}`)}0\r\n\r\n`, "bad_transfer_encoding"),
  ),
  ...["identity", "chunked, identity", "x, ", "xchunked", "chunkedx", "gzip, chunked"].map((value) => ({
    what: `a TE of ${value}`,
    bytes: `${post(`Transfer-Encoding: ${value}`)}0\r\n\r\n`,
    status: 501,
    code: "unknown_transfer_encoding",
  })),
  bad("an empty TE", `${post("Transfer-Encoding:")}0\r\n\r\n`, "bad_transfer_encoding"),
  bad("two TEs", `${post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")}0\r\n\r\n`, "bad_transfer_encoding"),
  bad("a TE behind a vertical tab", `${post("Transfer-Encoding: \x0bchunked")}0\r\n\r\n`, "bad_character"),
  bad("a TE in quotes", `${post('Transfer-Encoding: "chunked"')}0\r\n\r\n`, "bad_transfer_encoding"),
  bad("a TE spelled with an underscore", `${post("Transfer_Encoding: chunked")}0\r\n\r\n`, "ambiguous_header"),
  bad("TE on HTTP/1.0", `POST /refused HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, "transfer_encoding_in_http_1_0"),
];

const LINES: readonly Case[] = [
  bad("obs-fold with a space", get("X-A: b", " Transfer-Encoding: chunked"), "folded_header"),
  bad("obs-fold with a tab", get("X-A: b", "\tc"), "folded_header"),
  bad("a fold before the first header", `GET /refused HTTP/1.1\r\n X-A: b\r\n${HOST}\r\n`, "folded_header"),
  bad("a space before the colon", `${post("Content-Length : 5")}hello`, "bad_header_name"),
  bad("a tab before the colon", `${post("Transfer-Encoding\t: chunked")}0\r\n\r\n`, "bad_header_name"),
  bad("a header without a colon", get("X-A"), "bad_line_end"),
  bad("a header without a name", get(": b"), "bad_header_name"),
  bad("a line that ends with a bare LF", get("X-A: b\nX-B: c"), "bad_line_end"),
  bad("a head of bare LFs", `GET /refused HTTP/1.1\nHost: a.example\n\n`, "bad_request_line"),
  bad("a bare CR in a value", get("X-A: b\rX-B: c"), "bad_line_end"),
  bad("a head that ends with LF LF", `GET /refused HTTP/1.1\r\n${HOST}X-A: b\n\n`, "bad_line_end"),
  bad("a line that ends with CR CR LF", get("X-A: b\r"), "bad_line_end"),
  bad("NUL in a value", get("X-A: b\0c"), "bad_character"),
  bad("NUL in a name", get("X\0A: b"), "bad_character"),
  bad("NUL in the target", `GET /refused\0 HTTP/1.1\r\n${HOST}\r\n`, "bad_character"),
  bad("DEL in a value", get("X-A: b\x7f"), "bad_character"),
  bad("a name in 8-bit characters", get("X-\xe4: b"), "bad_header_name"),
];

const STARTS: readonly Case[] = [
  bad("no Host", "GET /refused HTTP/1.1\r\n\r\n", "no_host"),
  bad("two Hosts", get("Host: b.example"), "duplicate_host"),
  bad("two Hosts that agree", get("host: a.example"), "duplicate_host"),
  ...["", "a.example, b.example", "a@b.example", "a.example/x", "a.example:80x", "a b", "a.example:", "[::1"].map((host) =>
    bad(`a Host of ${host || "nothing"}`, `GET /refused HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "bad_host"),
  ),
  { what: "CONNECT", bytes: "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", status: 501, code: "connect_not_supported" },
  { what: "the preface of HTTP/2", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 505, code: "version_not_supported" },
  { what: "HTTP/0.9", bytes: "GET /refused\r\n", status: 505, code: "version_not_supported" },
  { what: "HTTP/1.2", bytes: `GET /refused HTTP/1.2\r\n${HOST}\r\n`, status: 505, code: "version_not_supported" },
  bad("http in lower case", `GET /refused http/1.1\r\n${HOST}\r\n`, "bad_request_line"),
  bad("two spaces in the request line", `GET  /refused HTTP/1.1\r\n${HOST}\r\n`, "bad_request_line"),
  bad("a space behind the version", `GET /refused HTTP/1.1 \r\n${HOST}\r\n`, "bad_request_line"),
  bad("a method that is no token", `G@T /refused HTTP/1.1\r\n${HOST}\r\n`, "bad_request_line"),
  bad("a hello of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "bad_character"),
  { what: "an unknown expectation", bytes: get("Expect: gold"), status: 417, code: "unknown_expectation" },
  { what: "a head above 16 KiB", bytes: get(`X-Long: ${"a".repeat(16 * 1024)}`), status: 431, code: "head_too_large" },
  { what: "a target above 8 KiB", bytes: `GET /${"a".repeat(8192)} HTTP/1.1\r\n${HOST}\r\n`, status: 414, code: "target_too_long" },
];

const TARGETS: readonly Case[] = (
  [
    ["/../refused", "path_above_root"],
    ["/a/%2e%2e/%2E./refused", "path_above_root"],
    ["/a/..%2frefused", "ambiguous_path"],
    ["/a%2f../refused", "ambiguous_path"],
    ["/a/..%5crefused", "ambiguous_path"],
    ["/a/..;/refused", "ambiguous_path"],
    ["/a%00/refused", "ambiguous_path"],
    ["/a\\..\\refused", "bad_target"],
    ["/a#refused", "bad_target"],
    ["/%zz", "bad_target"],
    ["/%2", "bad_target"],
    ["/\xe4", "bad_target"],
    ["refused", "bad_target"],
    ["*", "bad_target"],
    ["ftp://a.example/refused", "bad_target"],
    ["http://a@b.example/refused", "bad_host"],
    ["http:///refused", "bad_host"],
  ] as const
).map(([target, code]) => bad(`the target ${target}`, `GET ${target} HTTP/1.1\r\n${HOST}\r\n`, code));

/** Whether two readers of the bytes could see two different requests in them or not: these never reach a target at all. */
for (const { what, bytes, status, code } of [...LENGTHS, ...CODINGS, ...LINES, ...STARTS, ...TARGETS]) {
  test(`${what} is refused, the connection ends, and no target hears of it`, async () => {
    await using way = await edge.way();
    const client = way.say(bytes + SMUGGLED);
    const text = await client.untilEnd();
    expect(text).toStartWith(`HTTP/1.1 ${status} `);
    expect(text).toContain(`\r\nX-Orco-Error: ${code}\r\n`);
    expect(text).toContain("\r\nConnection: close\r\n");
    expect(text.match(/HTTP\/1\.1 \d/g)?.length).toBe(1);
    await onlyThisIsHeard();

    async function onlyThisIsHeard(): Promise<void> {
      const good = way.ask("GET /good HTTP/1.1");
      const target = await way.target.next();
      target.write(answer("good"));
      await good.until("good");
      expect(withoutIds(way.target.heard)).toBe(forwarded("GET /good HTTP/1.1"));
    }
  });
}

const size = (line: string): string => `${line}\r\nhello\r\n0\r\n\r\n`;
const CHUNKS: readonly (readonly [what: string, body: string, code: string])[] = [
  ["of more digits than 2^64 has", size("10000000000000005"), "chunk_too_large"],
  ["of more digits than a number keeps apart", size("20000000000005"), "chunk_too_large"],
  ["with a sign", size("+5"), "bad_chunk_size"],
  ["below nothing", size("-5"), "bad_chunk_size"],
  ["with 0x", size("0x5"), "bad_chunk_size"],
  ["with a space before it", size(" 5"), "bad_chunk_size"],
  ["with a space behind it", size("5 "), "bad_chunk_size"],
  ["with an underscore", size("0_5"), "bad_chunk_size"],
  ["of nothing", size(""), "bad_chunk_size"],
  ["that is no number", size("g"), "bad_chunk_size"],
  ["that ends with a bare LF", "5\nhello\r\n0\r\n\r\n", "bad_chunk_size"],
  ["that ends with a bare CR", "5\rhello\r\n0\r\n\r\n", "bad_chunk_line"],
  ["with an LF in its extension", "5;a\nb\r\nhello\r\n0\r\n\r\n", "bad_chunk_line"],
  ["with a quote left open in its extension", '5;a="\r\nhello\r\n0\r\n\r\n', "bad_chunk_line"],
  ["with an extension of 8 KiB", `5;${"a".repeat(8192)}\r\nhello\r\n0\r\n\r\n`, "chunk_extension_too_long"],
  ["smaller than its data", "4\r\nhello\r\n0\r\n\r\n", "bad_chunk_end"],
  ["larger than its data", "6\r\nhello\r\n0\r\n\r\n", "bad_chunk_end"],
  ["whose data ends with a bare LF", "5\r\nhello\n0\r\n\r\n", "bad_chunk_end"],
];
const TRAILERS: readonly (readonly [what: string, body: string, code: string])[] = [
  ["that tells a length", "0\r\nContent-Length: 44\r\n\r\n", "forbidden_trailer"],
  ["that tells a coding", "0\r\nTransfer-Encoding: chunked\r\n\r\n", "forbidden_trailer"],
  ["that tells a host", "0\r\nHost: b.example\r\n\r\n", "forbidden_trailer"],
  ["that tells who asked", "0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", "forbidden_trailer"],
  ["that is folded", "0\r\nX-A: b\r\n c\r\n\r\n", "folded_header"],
  ["with a space before its colon", "0\r\nX-A : b\r\n\r\n", "bad_header_name"],
  ["that ends with a bare LF", "0\r\nX-A: b\n\r\n", "bad_line_end"],
  ["of 32 KiB", `0\r\nX-A: ${"a".repeat(32 * 1024)}\r\n\r\n`, "trailers_too_large"],
];

/** The head was good and may be with the target when its body turns out not to be: then that request is cut off and never whole. */
for (const [what, body, code] of [
  ...CHUNKS.map(([of, ...rest]) => [`a chunk size ${of}`, ...rest] as const),
  ...TRAILERS.map(([of, ...rest]) => [`a trailer ${of}`, ...rest] as const),
]) {
  for (const way of ["behind the head", "later"] as const) {
    test(`${what}, ${way}, is refused, and the target never sees a whole request`, () => refusedBody(body, code, way === "later"));
  }
}

async function refusedBody(body: string, code: string, later: boolean): Promise<void> {
  await using way = await edge.way();
  const head = request("POST /refused HTTP/1.1", "Transfer-Encoding: chunked");
  const client = way.say(later ? `${head}1\r\na\r\n` : head + body + SMUGGLED);
  const target = later ? await way.target.next() : undefined;
  if (later) client.write(body + SMUGGLED);
  const text = await client.untilEnd();
  expect(text).toMatch(/^HTTP\/1\.1 (400|431) /);
  expect(text).toContain(`\r\nX-Orco-Error: ${code}\r\n`);
  expect(text.match(/HTTP\/1\.1 \d/g)?.length).toBe(1);
  await target?.untilReset();
  const good = way.ask("GET /good HTTP/1.1");
  for (;;) {
    const next = await way.target.connection();
    await next.until((peer) => peer.closed || peer.text.includes("\r\n\r\n"));
    if (!next.text.startsWith("GET /good")) continue;
    next.write(answer("good"));
    break;
  }
  await good.until("good");
  expect(way.target.heard).not.toContain("smuggled");
  expect(way.target.heard).not.toContain("0\r\n\r\n");
}
