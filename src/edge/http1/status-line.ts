import type { Refused } from "./message.ts";
import { refuse } from "./refuse.ts";

export interface StatusLine {
  readonly status: number;
  readonly reason: string;
  readonly version: 0 | 1;
  /** Of the line with its CRLF. */
  readonly length: number;
}

/** RFC 9112 §4. The space before an empty reason may be missing: many servers leave it out, and nothing else can be read from it. */
const LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n/;
/** The same while it is cut off. */
const LINE_PART = /^HTTP\/1\.[01] [1-9][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?\r?$/;
const START = "HTTP/1.0 000";
/** Nearly every answer begins with it. */
const OK = "HTTP/1.1 200 OK\r\n";
const READ_OK: StatusLine = { version: 1, status: 200, reason: "OK", length: OK.length };

/** Reads the status line at the start of `text`. Undefined: it may still become one. */
export function readStatusLine(text: string): StatusLine | Refused | undefined {
  if (text.startsWith(OK)) return READ_OK;
  const line = LINE.exec(text);
  if (line) return { version: line[1] === "1" ? 1 : 0, status: Number(line[2]), reason: line[3] ?? "", length: line[0].length };
  if (LINE_PART.test(text) || isStart(text)) return undefined;
  return refuse(502, "bad_status_line", "the target did not answer with an HTTP/1.1 or HTTP/1.0 status line");
}

function isStart(text: string): boolean {
  if (text.length >= START.length || !START.startsWith(text.slice(0, 7) + text.slice(7).replace(/[0-9]/g, "0"))) return false;
  return !/^HTTP\/1\.(?:[2-9]|[01] 0)/.test(text);
}
