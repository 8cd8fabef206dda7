import type { Fields, Refused } from "./message.ts";
import { CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE, valueOf } from "./fields.ts";
import { refuse } from "./refuse.ts";

/** What the marked lines say, each checked alone and against those before it. */
export interface Settled {
  version: 0 | 1;
  /** As given; undefined: no such line. */
  host: string | undefined;
  /** -1: no Content-Length. */
  length: number;
  chunked: boolean;
  /** See `Fields.connection`. */
  connection: string;
  /** Lower case, "" when there is none. */
  upgrade: string;
  expectContinue: boolean;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9110 §7.2 and RFC 3986 §3.2.2, without userinfo, percent-encoding and empty ports: names and addresses that DNS and URLs agree on. */
const AUTHORITY = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
/** Without sign, space, leading zero or list; 15 digits stay exact in a double. */
const LENGTH = /^(?:0|[1-9][0-9]{0,14})$/;
/** HTTP/2 in the clear, and TLS: behind such a switch requests would pass that the edge never sees. */
const BLIND_PROTOCOL = /^(?:h2c?|https?\/.*|tls\/.*)$/;

const ALL_DIGITS = /^[0-9]+$/;
const KNOWN_CODINGS = new Set(["chunked", "gzip", "x-gzip", "deflate", "compress", "x-compress"]);

export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text) && Number(/:([0-9]+)$/.exec(text)?.[1] ?? 0) <= 65_535;
}

/** Reads the marks in order, so that the first wrong line decides however the bytes arrived. */
export function settle(fields: Pick<Fields, "text" | "marks">, of: { version: 0 | 1; request: boolean }): Settled | Refused {
  const { text, marks } = fields;
  const { version, request } = of;
  const settled: Settled = { version, host: undefined, length: -1, chunked: false, connection: "", upgrade: "", expectContinue: false };
  for (let i = 0; i < marks.length; i += 4) {
    const what = marks[i] ?? 0;
    const refused = what < 0 ? refuseAlias() : take(settled, { what, request }, valueOf(text, marks[i + 2] ?? 0, marks[i + 3] ?? 0));
    if (refused) return refused;
  }
  return settled;
}

function take(settled: Settled, { what, request }: { what: number; request: boolean }, value: string): Refused | undefined {
  if (what === HOST && request) return takeHost(settled, value);
  if (what === CONTENT_LENGTH) return takeLength(settled, value);
  if (what === TRANSFER_ENCODING) return takeCoding(settled, value);
  if (what === CONNECTION) return takeConnection(settled, value.toLowerCase());
  if (what === UPGRADE) settled.upgrade = settled.upgrade === "" ? value.toLowerCase() : `${settled.upgrade}, ${value.toLowerCase()}`;
  if (what === EXPECT && request) return takeExpect(settled, value.toLowerCase());
  return undefined;
}

function refuseAlias(): Refused {
  return refuse(400, "ambiguous_header", "Host, Content-Length and Transfer-Encoding are not accepted with an underscore in their name");
}

/** RFC 9112 §3.2. */
function takeHost(settled: Settled, value: string): Refused | undefined {
  if (settled.host !== undefined) return refuse(400, "duplicate_host", "there is more than one Host header");
  if (!isAuthority(value)) return refuse(400, "bad_host", "the Host header is not a host name or address with an optional port");
  settled.host = value;
  return undefined;
}

/** RFC 9112 §6.2, §6.3: equal repetitions could be folded into one; they are refused like any other. */
function takeLength(settled: Settled, value: string): Refused | undefined {
  if (settled.length !== -1) return refuse(400, "duplicate_content_length", "there is more than one Content-Length header");
  if (settled.chunked) return refuseBoth();
  if (LENGTH.test(value)) {
    settled.length = Number(value);
    return undefined;
  }
  const why = ALL_DIGITS.test(value) ? "is too large or has leading zeros" : "is not a number of bytes";
  return refuse(400, "bad_content_length", `the Content-Length ${why}`);
}

/** RFC 9112 §6.1: chunked is the only coding taken, once, and never in HTTP/1.0. */
function takeCoding(settled: Settled, value: string): Refused | undefined {
  if (settled.version === 0) return refuse(400, "transfer_encoding_in_http_1_0", "HTTP/1.0 has no Transfer-Encoding");
  if (settled.chunked) return refuse(400, "bad_transfer_encoding", "chunked is named more than once");
  if (settled.length !== -1) return refuseBoth();
  const codings = value.toLowerCase().split(",").map(withoutBlanks);
  if (!codings.every((coding) => TOKEN.test(coding)))
    return refuse(400, "bad_transfer_encoding", "the Transfer-Encoding is not a list of names");
  if (codings.some((coding) => !KNOWN_CODINGS.has(coding))) return refuse(501, "unknown_transfer_encoding", "only chunked is known here");
  if (codings.at(-1) !== "chunked") return refuse(400, "bad_transfer_encoding", "the Transfer-Encoding does not end in chunked");
  if (codings.indexOf("chunked") < codings.length - 1) return refuse(400, "bad_transfer_encoding", "chunked is named more than once");
  if (codings.length > 1) return refuse(501, "unknown_transfer_encoding", "no Transfer-Encoding but chunked is taken");
  settled.chunked = true;
  return undefined;
}

function refuseBoth(): Refused {
  return refuse(400, "length_and_chunked", "there is a Content-Length and a Transfer-Encoding");
}

/** RFC 9110 §7.6.1. */
function takeConnection(settled: Settled, value: string): Refused | undefined {
  const names = value === "keep-alive" || value === "close" ? value : listOf(value);
  if (names === undefined) return refuse(400, "bad_connection", "the Connection header is not a list of names");
  settled.connection = settled.connection === "" ? names : `${settled.connection},${names}`;
  return undefined;
}

function listOf(value: string): string | undefined {
  const names = value
    .split(",")
    .map(withoutBlanks)
    .filter((name) => name !== "");
  return names.every((name) => TOKEN.test(name)) ? names.join(",") : undefined;
}

/** RFC 9110 §5.6.3; `trim` would also take what is no whitespace in HTTP (0xA0). */
function withoutBlanks(text: string): string {
  return text.replace(/^[\t ]+|[\t ]+$/g, "");
}

/** RFC 9110 §10.1.1: ignored in HTTP/1.0. */
function takeExpect(settled: Settled, value: string): Refused | undefined {
  if (settled.version === 0) return undefined;
  if (value !== "100-continue" || settled.expectContinue)
    return refuse(417, "unknown_expectation", "only Expect: 100-continue is known here");
  settled.expectContinue = true;
  return undefined;
}

/** RFC 9112 §9.3. */
export function persists({ version, connection }: Settled): boolean {
  if (connection === "") return version === 1;
  return !names(connection, "close") && (version === 1 || names(connection, "keep-alive"));
}

/** RFC 9110 §7.8: only with `Connection: upgrade`, and never in HTTP/1.0. */
export function upgradeOf({ version, connection, upgrade }: Settled): string | undefined {
  if (upgrade === "" || version === 0 || !names(connection, "upgrade")) return undefined;
  return upgrade
    .split(",")
    .map(withoutBlanks)
    .some((each) => BLIND_PROTOCOL.test(each))
    ? undefined
    : upgrade;
}

/** Whether a list of names in lower case, joined by commas, holds `name`. */
export function names(list: string, name: string): boolean {
  return list === name || (list.includes(name) && list.split(",").includes(name));
}
