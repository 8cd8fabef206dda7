import type { Draft } from "./draft.ts";
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

/** The one that is asked about: nobody keeps it, and heads have many. */
const LINE = { what: 0, text: "", start: 0, colon: 0, end: 0 };

/** What Connection may list without naming a header that is to be dropped for it. */
const OPTIONS = new Set(["close", "keep-alive", "upgrade", "te"]);

/** Copies header lines with `rewrite` applied to the marked ones: undefined keeps a line as it is, "" drops it. Those Connection lists are dropped (RFC 9110 §7.6.1). */
export function copyLines(draft: Draft, fields: Fields, rewrite: (line: Line) => string | undefined): void {
  const { text, from, to } = fields;
  const marks = nominates(fields.connection) ? marksWithNominated(fields) : fields.marks;
  let at = from;
  LINE.text = text;
  for (let i = 0; i < marks.length; i += 4) {
    const start = marks[i + 1] ?? 0;
    const end = marks[i + 3] ?? 0;
    LINE.what = marks[i] ?? 0;
    LINE.start = start;
    LINE.colon = marks[i + 2] ?? 0;
    LINE.end = end;
    const rewritten = rewrite(LINE);
    if (rewritten === undefined) continue;
    draft.copy(at, start);
    if (rewritten !== "") draft.add(rewritten);
    at = end;
  }
  draft.copy(at, to);
}

export function nameOf({ text, start, colon }: Line): string {
  return text.slice(start, colon);
}

/** How many lines are marked as `wanted`. */
export function count({ marks }: Fields, wanted: number): number {
  let found = 0;
  for (let i = 0; i < marks.length; i += 4) if (marks[i] === wanted) found++;
  return found;
}

/** Values of all lines marked as `wanted`. */
export function valuesOf({ text, marks }: Fields, wanted: number): string[] {
  const values: string[] = [];
  for (let i = 0; i < marks.length; i += 4) {
    if (marks[i] === wanted) values.push(valueOf(text, marks[i + 2] ?? 0, marks[i + 3] ?? 0));
  }
  return values;
}

function nominates(connection: string): boolean {
  return connection !== "" && connection !== "keep-alive" && connection !== "close" && connection !== "upgrade";
}

/** Marked lines are never dropped for being listed: Host, Content-Length and X-Forwarded-* are decided by their own rules. */
function marksWithNominated({ text, from, to, marks, connection }: Fields): readonly number[] {
  const nominated = new Set(connection.split(",").filter((name) => !OPTIONS.has(name)));
  if (nominated.size === 0) return marks;
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
