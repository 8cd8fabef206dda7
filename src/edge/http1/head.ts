import type { Fields, Framing, HeaderList, Parsed, Refused, RequestHead, ResponseHead } from "./message.ts";
import { listHeaders, walkFields } from "./fields.ts";
import { framingOf } from "./framing.ts";
import { pieceAt, tooLarge } from "./piece.ts";
import { refuse } from "./refuse.ts";
import { type RequestLine, readRequestLine } from "./request-line.ts";
import { persists, settle, type Settled, upgradeOf } from "./settle.ts";
import { readStatusLine, type StatusLine } from "./status-line.ts";

const MORE = { kind: "more" } as const;
const NONE: Framing = { kind: "none" };
const UNTIL_CLOSE: Framing = { kind: "until-close" };

/**
 * Parses the request head at `at` (RFC 9112 §2.1, §3, §5, §6). `more`: it could still become a valid one; give all bytes again with those that follow,
 * once an LF is among these or MAX_HEAD_BYTES are reached (each call reads from the start, so calling for every byte of a slow client is dear).
 * Refused whenever a target might read the bytes in another way. What the target of the request line becomes: see target.ts.
 */
export function parseRequest(bytes: Buffer, at = 0): Parsed<RequestHead> {
  const piece = pieceAt(bytes, at);
  if (piece === undefined) return MORE;
  const line = readRequestLine(piece.text);
  if (line === undefined) return piece.oversized ? tooLarge() : MORE;
  if ("kind" in line) return line;
  const fields = walk(piece, line.length);
  const settled = settle(fields, { version: line.version, request: true });
  if ("kind" in settled) return settled;
  fields.connection = settled.connection;
  if (fields.wrong) return fields.wrong;
  if (!piece.complete) return piece.oversized ? tooLarge() : MORE;
  if (settled.host === undefined && line.version === 1) return refuse(400, "no_host", "an HTTP/1.1 request needs a Host header");
  return { kind: "head", head: new ReadRequest({ line, settled, fields, bytes: piece.bytes }) };
}

/** What is known of the request that a response answers (RFC 9112 §6.3). */
export interface Answering {
  readonly method: string;
  /** Where the head begins; 0 when absent. */
  readonly at?: number;
}

/**
 * Parses the response head at `at`, of a target that answers a request with `method` (RFC 9112 §4, §6.3). As strict as `parseRequest`, and refused with 502.
 * Interim responses (1xx) are heads of their own, followed by another. 101 is for whoever asked for an upgrade: the caller must check.
 */
export function parseResponse(bytes: Buffer, { method, at = 0 }: Answering): Parsed<ResponseHead> {
  const piece = pieceAt(bytes, at);
  if (piece === undefined) return MORE;
  const line = readStatusLine(piece.text);
  if (line === undefined) return piece.oversized ? ofTarget(tooLarge()) : MORE;
  if ("kind" in line) return line;
  const fields = walk(piece, line.length);
  const settled = settle(fields, { version: line.version, request: false });
  if ("kind" in settled) return ofTarget(settled);
  fields.connection = settled.connection;
  if (fields.wrong) return ofTarget(fields.wrong);
  if (!piece.complete) return piece.oversized ? ofTarget(tooLarge()) : MORE;
  return { kind: "head", head: new ReadResponse({ line, settled, fields, bytes: piece.bytes, method }) };
}

interface Walked extends Fields {
  readonly marks: number[];
  connection: string;
  /** Of the lines after those marked. */
  wrong: Refused | undefined;
}

function walk({ text, complete }: { text: string; complete: boolean }, from: number): Walked {
  const to = complete ? text.length - 2 : text.length;
  const walked: Walked = { text, from, to, marks: [], connection: "", wrong: undefined };
  walked.wrong = walkFields(walked, complete);
  return walked;
}

function ofTarget({ refusal }: Refused): Refused {
  return refuse(502, refusal.code, `the target's answer was refused: ${refusal.detail}`);
}

class ReadRequest implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: 0 | 1;
  readonly host: string;
  readonly authority?: string;
  readonly framing: Framing;
  readonly keepAlive: boolean;
  readonly expectContinue: boolean;
  readonly upgrade?: string;
  readonly bytes: number;
  readonly fields: Fields;

  constructor(read: { line: RequestLine; settled: Settled; fields: Fields; bytes: number }) {
    const { line, settled } = read;
    const upgrade = upgradeOf(settled);
    this.method = line.method;
    this.target = line.target;
    this.version = line.version;
    this.host = line.authority?.toLowerCase() ?? settled.host ?? "";
    if (line.authority !== undefined) this.authority = line.authority;
    this.framing = framingOf(settled) ?? NONE;
    this.keepAlive = persists(settled);
    this.expectContinue = settled.expectContinue;
    if (upgrade !== undefined) this.upgrade = upgrade;
    this.bytes = read.bytes;
    this.fields = read.fields;
  }

  get headers(): HeaderList {
    return listHeaders(this.fields);
  }
}

class ReadResponse implements ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly version: 0 | 1;
  readonly framing: Framing;
  readonly keepAlive: boolean;
  readonly upgrade?: string;
  readonly bytes: number;
  readonly fields: Fields;

  constructor(read: { line: StatusLine; settled: Settled; fields: Fields; bytes: number; method: string }) {
    const { line, settled } = read;
    const upgrade = upgradeOf(settled);
    const bodyless = line.status < 200 || line.status === 204;
    this.status = line.status;
    this.reason = line.reason;
    this.version = line.version;
    this.framing = bodyless || line.status === 304 || read.method === "HEAD" ? NONE : (framingOf(settled) ?? UNTIL_CLOSE);
    // A target that announces a body where there is none may send it: the connection cannot be used for another request.
    const strayBody = bodyless && (settled.chunked || settled.length > 0);
    this.keepAlive = persists(settled) && !strayBody && this.framing !== UNTIL_CLOSE;
    if (upgrade !== undefined) this.upgrade = upgrade;
    this.bytes = read.bytes;
    this.fields = read.fields;
  }

  get headers(): HeaderList {
    return listHeaders(this.fields);
  }
}
