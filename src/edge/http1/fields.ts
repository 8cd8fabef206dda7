import { trimmed } from "./lists.ts";
import type { Fields, HeaderList, Refused } from "./message.ts";
import { refuse } from "./refuse.ts";

/** What a marked line is. Numbers, because a head keeps them in one flat array. */
export const HOST = 1;
export const CONTENT_LENGTH = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const UPGRADE = 5;
export const EXPECT = 6;
export const TE = 7;
/** Between two neighbours only and of no use beyond: Keep-Alive, Proxy-*. */
export const HOP = 8;
export const FORWARDED = 9;
export const FORWARDED_FOR = 10;
export const FORWARDED_PROTO = 11;
export const FORWARDED_HOST = 12;
/** Any other X-Forwarded-*. */
export const FORWARDED_OTHER = 13;
export const REQUEST_ID = 14;
/** One of these names with `_` for `-`: CGI and WSGI take both for the same header, so it could pass for ours. */
const ALIAS = 15;

const KNOWN: readonly (readonly [name: string, what: number])[] = [
  ["host", HOST],
  ["content-length", CONTENT_LENGTH],
  ["transfer-encoding", TRANSFER_ENCODING],
  ["connection", CONNECTION],
  ["upgrade", UPGRADE],
  ["expect", EXPECT],
  ["te", TE],
  ["keep-alive", HOP],
  ["proxy-connection", HOP],
  ["proxy-authenticate", HOP],
  ["proxy-authorization", HOP],
  ["forwarded", FORWARDED],
  ["x-forwarded-for", FORWARDED_FOR],
  ["x-forwarded-proto", FORWARDED_PROTO],
  ["x-forwarded-host", FORWARDED_HOST],
  ["x-request-id", REQUEST_ID],
];

const LONGEST_NAME = 31;
const X_FORWARDED_LENGTH = "x-forwarded-".length;
const X_FORWARDED = /x-forwarded-/iy;
const X_FORWARDED_ALIAS = /x[-_]forwarded[-_]/iy;

/** Patterns run on the head itself at a position: cutting a name or value out first would cost a copy each. */
interface Known {
  readonly what: number;
  readonly name: RegExp;
  readonly alias: RegExp;
}

/** By length and first letter no two known names collide, so one look tells whether a name needs a second one. */
const CANDIDATES = Array<Known | undefined>((LONGEST_NAME + 1) << 5).fill(undefined);
for (const [name, what] of KNOWN) {
  const alias = new RegExp(`${name.replaceAll("-", "[-_]")}:`, "iy");
  CANDIDATES[slotOf(name.length, name.charCodeAt(0))] = { what, name: new RegExp(`${name}:`, "iy"), alias };
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const VALUE = "[^\\0-\\x08\\x0a-\\x1f\\x7f]";
/** RFC 9112 §5: `field-name ":" OWS field-value OWS CRLF`; RFC 9110 §5.5: a value has no control characters but HTAB. */
const LINE = new RegExp(`${TOKEN}+:${VALUE}*\\r\\n`, "y");
const NAME_PART = new RegExp(`${TOKEN}*`, "y");
const VALUE_PART = new RegExp(`${VALUE}*`, "y");

function slotOf(length: number, letter: number): number {
  return (length << 5) | (letter & 31);
}

/** Fields whose `marks` are still to be found. */
export interface Unwalked extends Pick<Fields, "text" | "from" | "to"> {
  readonly marks: number[];
}

/**
 * Marks the lines of `text` from `from` to `to` that matter (see `Fields.marks`). With `complete` false the last line may still be cut off.
 * Refused: obs-fold, whitespace before the colon, bare CR or LF, control characters, names that are no tokens (RFC 9112 §5.1, §5.2, §2.2).
 */
export function walkFields({ text, from, to, marks }: Unwalked, complete: boolean): Refused | undefined {
  let at = from;
  while (at < to) {
    LINE.lastIndex = at;
    if (!LINE.test(text)) return refuseLine(text, at, { to, complete });
    const end = LINE.lastIndex;
    const colon = text.indexOf(":", at);
    if (colon - at <= LONGEST_NAME || mayBeForwarded(text, at)) {
      const what = whatIs(text, at, colon);
      if (what !== 0) marks.push(what, at, colon, end);
    }
    at = end;
  }
  return undefined;
}

/** What is wrong with one whole line, CRLF included. */
export function refuseField(line: string): Refused | undefined {
  LINE.lastIndex = 0;
  if (LINE.test(line) && LINE.lastIndex === line.length) return undefined;
  return refuseLine(line, 0, { to: line.length, complete: true });
}

function whatIs(text: string, at: number, colon: number): number {
  const first = text.charCodeAt(at);
  const known = colon - at <= LONGEST_NAME ? CANDIDATES[slotOf(colon - at, first)] : undefined;
  if (known !== undefined) {
    if (matchesAt(known.name, text, at)) return known.what;
    if (matchesAt(known.alias, text, at)) return aliasOf(known.what);
  }
  if (!mayBeForwarded(text, at) || colon - at <= X_FORWARDED_LENGTH) return 0;
  if (matchesAt(X_FORWARDED, text, at)) return FORWARDED_OTHER;
  return matchesAt(X_FORWARDED_ALIAS, text, at) ? ALIAS : 0;
}

/** X-Forwarded-* goes on for as long as somebody likes. */
function mayBeForwarded(text: string, at: number): boolean {
  return (text.charCodeAt(at) | 32) === 0x78;
}

function aliasOf(what: number): number {
  return what === CONTENT_LENGTH || what === TRANSFER_ENCODING ? -what : ALIAS;
}

/** `pattern` must be sticky. */
export function matchesAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}

/** The first thing wrong in the line at `at`, or undefined when it is only cut off. */
function refuseLine(text: string, at: number, { to, complete }: { to: number; complete: boolean }): Refused | undefined {
  NAME_PART.lastIndex = at;
  NAME_PART.test(text);
  const afterName = NAME_PART.lastIndex;
  if (text[afterName] !== ":" || afterName === at) return refuseName(text, at, afterName);
  VALUE_PART.lastIndex = afterName + 1;
  VALUE_PART.test(text);
  const stop = VALUE_PART.lastIndex;
  if (!complete && (stop >= to || (stop === to - 1 && text[stop] === "\r"))) return undefined;
  return refuseCharacter(text, stop);
}

function refuseName(text: string, start: number, stop: number): Refused | undefined {
  const at = text[stop];
  if (at === undefined) return undefined;
  if (stop === start && (at === " " || at === "\t")) {
    return refuse(400, "folded_header", "a header line begins with whitespace: folded header lines are not accepted");
  }
  if (at === "\r" && stop === start && text.length === stop + 1) return undefined;
  if (at === "\r" || at === "\n" || at === "\0") return refuseCharacter(text, stop);
  return refuse(400, "bad_header_name", `a header name contains ${JSON.stringify(at)}, or whitespace stands before its colon`);
}

export function refuseCharacter(text: string, at: number): Refused {
  const char = text[at] ?? "";
  if (char === "\n" || char === "\r") {
    return refuse(400, "bad_line_end", "a line does not end with CRLF, or has a CR or LF of its own, or a header line has no colon");
  }
  return refuse(400, "bad_character", `the head contains the character 0x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** The value of a line that ends at `end`, CRLF included (RFC 9110 §5.5). */
export function valueOf(text: string, colon: number, end: number): string {
  return trimmed(text, colon + 1, end - 2);
}

export function listHeaders({ text, from, to }: Fields): HeaderList {
  const list: [string, string][] = [];
  for (let at = from; at < to;) {
    const colon = text.indexOf(":", at);
    const end = text.indexOf("\r\n", colon) + 2;
    list.push([text.slice(at, colon), valueOf(text, colon, end)]);
    at = end;
  }
  return list;
}
