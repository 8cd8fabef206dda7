import { isAuthorityAt } from "./authority.ts";
import { CONNECTION, CONTENT_LENGTH, EXPECT, HOST, matchesAt, TRANSFER_ENCODING, UPGRADE, valueOf } from "./fields.ts";
import { takeCoding, takeLength } from "./framing.ts";
import { elementsOf, lists, tokensOf } from "./lists.ts";
import type { Fields, Refused } from "./message.ts";
import { refuse } from "./refuse.ts";

/** What the marked lines say, each checked alone and against those before it. */
export interface Settled {
  readonly version: 0 | 1;
  /** Lower case; undefined: there is no such line. */
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

/** The value of a marked line, not cut out yet: `text` from after `colon` to `end`, CRLF included. */
export interface Value {
  readonly text: string;
  readonly colon: number;
  readonly end: number;
}

/** The one that is looked at: nobody keeps it, and heads have many. */
const VALUE = { text: "", colon: 0, end: 0 };
const KEEP_ALIVE = /: ?keep-alive\r\n/iy;
const CLOSE = /: ?close\r\n/iy;
/** The good Host line read last, from its colon to its CRLF: the next request most likely has the same one. */
const KNOWN = { line: ": localhost\r\n", host: "localhost" };
/** HTTP/2 in the clear, and TLS: behind such a switch requests would pass that the edge never sees. */
const BLIND_PROTOCOL = /^(?:h2c?|https?\/.*|tls\/.*)$/;

/** Reads the marks in order, so that the first wrong line decides however the bytes arrived. */
export function settle({ text, marks }: Pick<Fields, "text" | "marks">, of: { version: 0 | 1; request: boolean }): Settled | Refused {
  const { version, request } = of;
  const settled: Settled = { version, host: undefined, length: -1, chunked: false, connection: "", upgrade: "", expectContinue: false };
  VALUE.text = text;
  for (let i = 0; i < marks.length; i += 4) {
    const what = marks[i] ?? 0;
    VALUE.colon = marks[i + 2] ?? 0;
    VALUE.end = marks[i + 3] ?? 0;
    const refused = request ? (takeOfRequest(settled, what, VALUE) ?? take(settled, what, VALUE)) : take(settled, what, VALUE);
    if (refused) return refused;
  }
  return settled;
}

function takeOfRequest(settled: Settled, what: number, value: Value): Refused | undefined {
  if (what === HOST) return takeHost(settled, value);
  return what === EXPECT ? takeExpect(settled, value) : undefined;
}

function take(settled: Settled, what: number, value: Value): Refused | undefined {
  if (what === CONTENT_LENGTH) return takeLength(settled, value);
  if (what === TRANSFER_ENCODING) return takeCoding(settled, value);
  if (what === CONNECTION) return takeConnection(settled, value);
  if (what === UPGRADE) settled.upgrade += `,${lowerCaseOf(value)}`;
  if (what >= 0) return undefined;
  return refuse(400, "ambiguous_header", "Content-Length and Transfer-Encoding are not accepted with an underscore in their name");
}

/** RFC 9112 §3.2. */
function takeHost(settled: Settled, value: Value): Refused | undefined {
  const { text, colon, end } = value;
  if (settled.host !== undefined) return refuse(400, "duplicate_host", "there is more than one Host header");
  if (!text.startsWith(KNOWN.line, colon)) {
    if (!isAuthorityAt(text, colon)) return refuse(400, "bad_host", "the Host header is not a host name or address with an optional port");
    KNOWN.line = text.slice(colon, end);
    KNOWN.host = lowerCaseOf(value);
  }
  settled.host = KNOWN.host;
  return undefined;
}

/** RFC 9110 §7.6.1. */
function takeConnection(settled: Settled, value: Value): Refused | undefined {
  const names = connectionNames(value);
  if (names === undefined) return refuse(400, "bad_connection", "the Connection header is not a list of names");
  settled.connection = settled.connection === "" ? names : `${settled.connection},${names}`;
  return undefined;
}

function connectionNames(value: Value): string | undefined {
  if (matchesAt(KEEP_ALIVE, value.text, value.colon)) return "keep-alive";
  if (matchesAt(CLOSE, value.text, value.colon)) return "close";
  return tokensOf(lowerCaseOf(value))?.join(",");
}

/** RFC 9110 §10.1.1: ignored in HTTP/1.0. */
function takeExpect(settled: Settled, value: Value): Refused | undefined {
  if (settled.version === 0) return undefined;
  if (settled.expectContinue || lowerCaseOf(value) !== "100-continue") {
    return refuse(417, "unknown_expectation", "only Expect: 100-continue is known here");
  }
  settled.expectContinue = true;
  return undefined;
}

function lowerCaseOf({ text, colon, end }: Value): string {
  return valueOf(text, colon, end).toLowerCase();
}

/** RFC 9112 §9.3. */
export function persists({ version, connection }: Settled): boolean {
  if (connection === "") return version === 1;
  return !lists(connection, "close") && (version === 1 || lists(connection, "keep-alive"));
}

/** RFC 9110 §7.8: only with `Connection: upgrade`, and never in HTTP/1.0. */
export function upgradeOf({ version, connection, upgrade }: Settled): string | undefined {
  if (upgrade === "" || version === 0 || !lists(connection, "upgrade")) return undefined;
  const protocols = elementsOf(upgrade);
  return protocols.length === 0 || protocols.some((each) => BLIND_PROTOCOL.test(each)) ? undefined : protocols.join(", ");
}
