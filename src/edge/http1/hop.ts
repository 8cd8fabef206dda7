import { copyLines, count, type Line, nameOf, valuesOf } from "./copy.ts";
import { Draft } from "./draft.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  FORWARDED,
  FORWARDED_FOR,
  FORWARDED_HOST,
  FORWARDED_OTHER,
  FORWARDED_PROTO,
  HOP,
  HOST,
  REQUEST_ID,
  TE,
  TRANSFER_ENCODING,
  UPGRADE,
  valueOf as cutValue,
} from "./fields.ts";
import { elementsOf } from "./lists.ts";
import type { RequestHead, ResponseHead } from "./message.ts";

/** What the edge tells a target about a request. */
export interface Forwarding {
  /** Address of the peer the request came from, without port. */
  readonly peer: string;
  readonly proto: "http" | "https";
  /** Given to the target unless the client sent a good one: see `requestIdOf`. */
  readonly requestId: string;
  /** The peer is a trusted proxy: what it says of the client is kept, and its own address is appended. */
  readonly trusted: boolean;
  /** Host for a request that names none (HTTP/1.0 only), which HTTP/1.1 does not allow. Empty when absent. */
  readonly targetHost?: string;
  /** Of this peer and proto alone. */
  readonly introduced?: Introduced;
}

/** The lines that tell of an untrusted peer, as last made: most connections ask the same host again and again. */
export interface Introduced {
  /** Undefined: none were made yet. */
  host: string | undefined;
  lines: string;
}

const REQUEST_ID_VALUE = /^[A-Za-z0-9._-]{1,64}$/;

/** The client's X-Request-Id when it sent exactly one and that is `[A-Za-z0-9._-]{1,64}`. */
export function requestIdOf({ fields }: RequestHead): string | undefined {
  if (count(fields, REQUEST_ID) !== 1) return undefined;
  const [id = ""] = valuesOf(fields, REQUEST_ID);
  return REQUEST_ID_VALUE.test(id) ? id : undefined;
}

/**
 * The head to write to a target (RFC 9110 §7.6; edge.md, Headers), always HTTP/1.1. Names, their case, order and repetitions are as received;
 * what concerns one hop only is left out, what a target must be told is appended.
 */
export function requestHeadFor(head: RequestHead, forwarding: Forwarding): Buffer {
  return draftRequest(head, forwarding).finish();
}

/** The same, to be written at once. */
export function draftRequest(head: RequestHead, forwarding: Forwarding): Draft {
  const id = requestIdOf(head);
  const draft = new Draft(head.fields.text);
  if (isCanonical(head)) draft.copy(0, head.fields.from);
  else draft.add(`${head.method} ${head.target} HTTP/1.1\r\n${missingHost(head, forwarding)}`);
  const about = { head, trusted: forwarding.trusted, id };
  copyLines(draft, head.fields, (line) => requestLine(line, about));
  const naming = id === undefined ? `X-Request-Id: ${forwarding.requestId}\r\n\r\n` : "\r\n";
  draft.finishWith(connectionTo(head) + forwardedLines(head, forwarding) + naming);
  return draft;
}

/** The request line can go on as it came: it is HTTP/1.1, and its target was not changed, for that always makes it shorter. */
function isCanonical({ method, target, version, fields }: RequestHead): boolean {
  return version === 1 && fields.from === method.length + target.length + "  HTTP/1.1\r\n".length;
}

function requestLine(line: Line, about: { head: RequestHead; trusted: boolean; id: string | undefined }): string | undefined {
  const { head, trusted, id } = about;
  switch (line.what) {
    case HOST:
      return head.authority === undefined ? undefined : `${nameOf(line)}: ${head.authority}\r\n`;
    case CONTENT_LENGTH:
      return isTidy(line) ? undefined : `${nameOf(line)}: ${valueOf(line)}\r\n`;
    case TRANSFER_ENCODING:
      return `${nameOf(line)}: chunked\r\n`;
    case UPGRADE:
      return head.upgrade === undefined ? "" : undefined;
    case EXPECT:
      return head.expectContinue ? undefined : "";
    case TE:
      return takesTrailers(valueOf(line)) ? `${nameOf(line)}: trailers\r\n` : "";
    case FORWARDED:
    case FORWARDED_PROTO:
    case FORWARDED_HOST:
    case FORWARDED_OTHER:
      return trusted ? undefined : "";
    case REQUEST_ID:
      return id === undefined ? "" : undefined;
    default:
      return "";
  }
}

/** One space before the value and nothing behind it: rewriting would change nothing. */
function isTidy({ text, colon, end }: Line): boolean {
  return text.charCodeAt(colon + 1) === 0x20 && text.charCodeAt(colon + 2) > 0x20 && text.charCodeAt(end - 3) > 0x20;
}

function valueOf({ text, colon, end }: Line): string {
  return cutValue(text, colon, end);
}

/** RFC 9112 §3.2: without Host a request is not HTTP/1.1, which is what targets are spoken to in. */
function missingHost({ fields, authority }: RequestHead, { targetHost = "" }: Forwarding): string {
  return count(fields, HOST) > 0 ? "" : `Host: ${authority ?? targetHost}\r\n`;
}

/** RFC 9110 §10.1.4. */
function takesTrailers(value: string): boolean {
  return elementsOf(value.toLowerCase()).includes("trailers");
}

/** RFC 9110 §7.8, §10.1.4: who sends Upgrade or TE lists it. */
function connectionTo({ fields, upgrade }: RequestHead): string {
  const trailers = count(fields, TE) > 0 && valuesOf(fields, TE).some(takesTrailers);
  if (upgrade === undefined) return trailers ? "Connection: TE\r\n" : "";
  return trailers ? "Connection: Upgrade, TE\r\n" : "Connection: Upgrade\r\n";
}

function forwardedLines(head: RequestHead, forwarding: Forwarding): string {
  const { introduced, trusted } = forwarding;
  if (!introduced || trusted) return makeForwardedLines(head, forwarding);
  if (introduced.host !== head.host) {
    introduced.lines = makeForwardedLines(head, forwarding);
    introduced.host = head.host;
  }
  return introduced.lines;
}

function makeForwardedLines({ fields, host }: RequestHead, { peer, proto, trusted }: Forwarding): string {
  const hostLine = host === "" || (trusted && count(fields, FORWARDED_HOST) > 0) ? "" : `X-Forwarded-Host: ${host}\r\n`;
  if (!trusted) return `X-Forwarded-For: ${peer}\r\nX-Forwarded-Proto: ${proto}\r\n${hostLine}`;
  const before = valuesOf(fields, FORWARDED_FOR).map((value) => (value === "" ? "" : `${value}, `));
  const protoLine = count(fields, FORWARDED_PROTO) > 0 ? "" : `X-Forwarded-Proto: ${proto}\r\n`;
  return `X-Forwarded-For: ${before.join("")}${peer}\r\n${protoLine}${hostLine}`;
}

/** What is known of the client that gets a response. */
export interface Returning {
  readonly clientVersion: 0 | 1;
  /** The edge would take another request on this connection. */
  readonly keepAlive: boolean;
  /** Whole lines to add. */
  readonly extra?: string;
}

/** Whether the client's connection can stay open after this response. A body that only the end of the connection ends does not allow it. */
export function staysOpen({ framing }: ResponseHead, { clientVersion, keepAlive }: Returning): boolean {
  return keepAlive && framing.kind !== "until-close" && !(framing.kind === "chunked" && clientVersion === 0);
}

/**
 * The head to write to the client, always as HTTP/1.1 (RFC 9110 §2.5). To an HTTP/1.0 client a chunked body is announced without Transfer-Encoding:
 * write its payload only (`dechunk`) and close. Interim responses (1xx) are for HTTP/1.1 clients only: the caller must not pass them to others.
 */
export function responseHeadFor(head: ResponseHead, returning: Returning): Buffer {
  return draftResponse(head, returning).finish();
}

/** The same, to be written at once. */
export function draftResponse(head: ResponseHead, returning: Returning): Draft {
  const draft = new Draft(head.fields.text);
  if (isPlain(head)) draft.copy(0, head.fields.from);
  else draft.add(`HTTP/1.1 ${head.status} ${head.reason}\r\n`);
  copyLines(draft, head.fields, (line) => responseLine(line, head, returning));
  draft.add(`${returning.extra ?? ""}${connectionBack(head, returning)}\r\n`);
  return draft;
}

/** The status line can go on as it came. */
function isPlain({ version, reason, fields }: ResponseHead): boolean {
  return version === 1 && fields.from === "HTTP/1.1 200 \r\n".length + reason.length;
}

function responseLine(line: Line, { status, upgrade }: ResponseHead, { clientVersion }: Returning): string | undefined {
  const bodyless = status < 200 || status === 204;
  switch (line.what) {
    case CONTENT_LENGTH:
      if (bodyless) return "";
      return isTidy(line) ? undefined : `${nameOf(line)}: ${valueOf(line)}\r\n`;
    case TRANSFER_ENCODING:
      return bodyless || clientVersion === 0 ? "" : `${nameOf(line)}: chunked\r\n`;
    case UPGRADE:
      return upgrade !== undefined && switches(status) ? undefined : "";
    case CONNECTION:
    case HOP:
    case TE:
      return "";
    default:
      return undefined;
  }
}

function switches(status: number): boolean {
  return status === 101 || status === 426;
}

/** RFC 9112 §9.3, §9.6. An interim response says nothing of the connection, but for 101. */
function connectionBack(head: ResponseHead, returning: Returning): string {
  const listed = head.upgrade !== undefined && switches(head.status) ? ["Upgrade"] : [];
  if (head.status >= 200) {
    if (!staysOpen(head, returning)) listed.push("close");
    else if (returning.clientVersion === 0) listed.push("keep-alive");
  }
  return listed.length === 0 ? "" : `Connection: ${listed.join(", ")}\r\n`;
}
