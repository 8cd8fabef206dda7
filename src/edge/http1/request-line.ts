import { MAX_TARGET_BYTES, type Refused } from "./message.ts";
import { refuseCharacter } from "./fields.ts";
import { refuse } from "./refuse.ts";
import { type Aim, aimOf } from "./target.ts";

export interface RequestLine extends Aim {
  readonly method: string;
  readonly version: 0 | 1;
  /** Of the line with its CRLF. */
  readonly length: number;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const SEGMENT = "[!$&-.0-;=@-[\\]-z{|}~]";
/** RFC 9112 §3: method SP request-target SP HTTP-version, single spaces. */
const LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([^\0-\x20\x7f]+) HTTP\/1\.([01])\r\n/;
/** HTTP/1.1 and a target in origin-form that is its own canonical form: no escape and no segment beginning with a dot, one slash first (see target.ts). */
const PLAIN = new RegExp(`(?!CONNECT )${TOKEN}{1,32} (?!//)(?:/(?!\\.)${SEGMENT}*)+(?:\\?[!$&-;=?-~]*)? HTTP/1\\.1\\r\\n`, "y");
const AFTER_TARGET = " HTTP/1.1\r\n".length;
/** The same while it is cut off. */
const METHOD_PART = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*/;
const TARGET_PART = /^[^\0-\x20\x7f]*/;
const VERSION = /^HTTP\/[0-9]\.[0-9]$/;
const MAX_METHOD_BYTES = 32;

/** Reads the request line at the start of `text`. Undefined: it may still become one. */
export function readRequestLine(text: string): RequestLine | Refused | undefined {
  return readPlain(text) ?? readAny(text);
}

/** The line as nearly all are: nothing in its target has to be looked at twice. */
function readPlain(text: string): RequestLine | undefined {
  PLAIN.lastIndex = 0;
  if (!PLAIN.test(text)) return undefined;
  const length = PLAIN.lastIndex;
  const space = text.indexOf(" ");
  const end = length - AFTER_TARGET;
  if (end - space > MAX_TARGET_BYTES) return undefined;
  return { method: methodIn(text, space), target: text.slice(space + 1, end), authority: undefined, version: 1, length };
}

/** A string that is there already costs nothing to make, and little to find in a set. */
function methodIn(text: string, length: number): string {
  if (text.startsWith("GET ")) return "GET";
  return text.startsWith("POST ") ? "POST" : text.slice(0, length);
}

function readAny(text: string): RequestLine | Refused | undefined {
  const line = LINE.exec(text);
  if (line === null) return refuseLine(text);
  const [start, method = "", target = "", minor] = line;
  const tooFar = refuseEarly(method, target);
  if (tooFar) return tooFar;
  const aim = aimOf(method, target);
  if ("kind" in aim) return aim;
  return { method, target: aim.target, authority: aim.authority, version: minor === "1" ? 1 : 0, length: start.length };
}

/** What can be told before the target is read to its end. */
function refuseEarly(method: string, target: string): Refused | undefined {
  if (method === "CONNECT") return refuse(501, "connect_not_supported", "CONNECT is not supported here");
  if (target.length > MAX_TARGET_BYTES)
    return refuse(414, "target_too_long", `the request target is longer than ${MAX_TARGET_BYTES} bytes`);
  return undefined;
}

/** What is wrong with a line that is not as it should be, or undefined when it is only cut off. */
function refuseLine(text: string): Refused | undefined {
  const method = METHOD_PART.exec(text)?.[0] ?? "";
  if (method.length > MAX_METHOD_BYTES) return refuse(501, "unknown_method", `no method is longer than ${MAX_METHOD_BYTES} characters`);
  if (text.length === method.length) return undefined;
  if (text[method.length] !== " " || method === "") return refuseAt(text, method.length);
  const rest = text.slice(method.length + 1);
  const target = TARGET_PART.exec(rest)?.[0] ?? "";
  const tooFar = target === "" ? undefined : refuseEarly(method, target);
  if (tooFar) return tooFar;
  return rest.length === target.length ? undefined : refuseAfterTarget(rest, target.length);
}

/** `text` begins with a target of `length` characters, and something follows it. */
function refuseAfterTarget(text: string, length: number): Refused | undefined {
  if (length > 0 && text[length] === "\r") {
    if (text.length === length + 1) return undefined;
    if (text[length + 1] === "\n") return refuse(505, "version_not_supported", "HTTP/0.9 is not supported");
  }
  if (length === 0 || text[length] !== " ") return refuseAt(text, length);
  return refuseVersion(text.slice(length + 1));
}

/** RFC 9112 §2.3. `text` begins where the version should. */
function refuseVersion(text: string): Refused | undefined {
  const end = text.indexOf("\r\n");
  if (end !== -1 && VERSION.test(text.slice(0, end))) {
    return refuse(505, "version_not_supported", "only HTTP/1.1 and HTTP/1.0 are supported");
  }
  if (end === -1 && "HTTP/0.0\r".startsWith(text.replace(/[0-9]/g, "0"))) return undefined;
  return refuse(400, "bad_request_line", "the request line does not end in an HTTP version and CRLF");
}

function refuseAt(text: string, at: number): Refused {
  const code = text.charCodeAt(at);
  if (code < 0x20 || code === 0x7f) return refuseCharacter(text, at);
  return refuse(400, "bad_request_line", "the request line is not: method, one space, target, one space, HTTP/1.1");
}
