import { HOP, valueOf } from "./fields.ts";
import type { Fields } from "./message.ts";

/** A marked line: what it is, and where in `text` it begins, has its colon, and ends after its CRLF. */
export interface Line {
  readonly what: number;
  readonly text: string;
  readonly start: number;
  readonly colon: number;
  readonly end: number;
}

/** What Connection may list without naming a header that is to be dropped for it. */
const OPTIONS = new Set(["close", "keep-alive", "upgrade", "te"]);
/** The lists that nearly every head has: nothing is nominated by them. */
const PLAIN_LISTS = new Set(["", "keep-alive", "close", "upgrade", "keep-alive,upgrade"]);

/** Header lines with `rewrite` applied to the marked ones: undefined keeps a line as it is, "" drops it. Those Connection lists are dropped (RFC 9110 §7.6.1). */
export function copyLines(fields: Fields, rewrite: (line: Line) => string | undefined): string {
  const { text, from, to } = fields;
  const marks = marksWithNominated(fields);
  let copied = "";
  let at = from;
  for (let i = 0; i < marks.length; i += 4) {
    const [what = 0, start = 0, colon = 0, end = 0] = [marks[i], marks[i + 1], marks[i + 2], marks[i + 3]];
    const rewritten = rewrite({ what, text, start, colon, end });
    if (rewritten === undefined) continue;
    copied += text.slice(at, start) + rewritten;
    at = end;
  }
  return copied + text.slice(at, to);
}

export function nameOf({ text, start, colon }: Line): string {
  return text.slice(start, colon);
}

/** Values of all lines marked as `wanted`. */
export function valuesOf({ text, marks }: Fields, wanted: number): string[] {
  const values: string[] = [];
  for (let i = 0; i < marks.length; i += 4) {
    if (marks[i] === wanted) values.push(valueOf(text, marks[i + 2] ?? 0, marks[i + 3] ?? 0));
  }
  return values;
}

/** Marked lines are never dropped for being listed: Host, Content-Length and X-Forwarded-* are decided by their own rules. */
function marksWithNominated({ text, from, to, marks, connection }: Fields): readonly number[] {
  if (PLAIN_LISTS.has(connection)) return marks;
  const nominated = new Set(connection.split(",").filter((name) => !OPTIONS.has(name)));
  const all: number[] = [];
  let next = 0;
  for (let at = from; at < to;) {
    const colon = text.indexOf(":", at);
    const end = text.indexOf("\r\n", colon) + 2;
    if (marks[next + 1] === at) {
      all.push(...marks.slice(next, next + 4));
      next += 4;
    } else if (nominated.has(text.slice(at, colon).toLowerCase())) {
      all.push(HOP, at, colon, end);
    }
    at = end;
  }
  return all;
}
