import { OrcoError } from "../kernel/errors.ts";
import { parse, rawJSON } from "../kernel/raw-json.ts";

const MAX_DEPTH = 64;
/** Ten million of them fit into a task's 32 MiB, and checking them keeps the daemon from everything else for half a minute. */
const MAX_CONTAINERS = 100_000;

/** More values than these are not read a second time: it takes ten times as long as the first. */
const MAX_EXACT_VALUES = 100_000;
/** What a number that no double holds may look like: many digits, or an exponent of three. */
const SUSPECT = /\d[\d.]{15}|[eE][-+]?\d{3}/;
/** So many digits a double holds, unless it is tiny. */
const SURE_DIGITS = 15;
const MIN_NORMAL = 2.2250738585072014e-308;

export interface ParsedJson {
  readonly value: unknown;
  /** The same with the numbers that no double holds as they are written, for `JSON.stringify`; only where there are some. */
  readonly exact?: unknown;
}

/** As `parseJson`. For what is passed on: to whom it goes may hold more digits than we do. */
export function parseExactly(text: string): ParsedJson {
  const value = parseJson(text);
  if (!SUSPECT.test(text) || !isSmall(text)) return { value };
  let isOther = false;
  const exact = parse(text, (_, inner, { source = "" }) => {
    if (typeof inner !== "number" || holds(inner, source)) return inner;
    isOther = true;
    return rawJSON(source);
  });
  return isOther ? { value, exact } : { value };
}

/** Whether the double is all that the text says. */
function holds(number: number, source: string): boolean {
  if (!SUSPECT.test(source) || String(number) === source) return true;
  const digits = source
    .replace(/[eE].*$/, "")
    .replace(/[-.]/g, "")
    .replace(/^0+|0+$/g, "");
  if (digits === "") return true;
  return Number.isFinite(number) && Math.abs(number) >= MIN_NORMAL && digits.length <= SURE_DIGITS;
}

/** Of the text, not of the value: of a key that comes twice the first value is gone, and read all the same. */
function isSmall(text: string): boolean {
  let values = 1;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === "}" || char === "]") depth--;
    else if (char === "," || char === "{" || char === "[") {
      if (char !== ",") depth++;
      if (++values > MAX_EXACT_VALUES || depth > MAX_DEPTH) return false;
    }
  }
  return true;
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text[end - 1 - escapes] === "\\") escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

/** Parses a request body. Throws `invalid` on malformed JSON, nesting over 64 levels, more than 100,000 objects and lists, and keys that reach for a prototype. Of duplicate keys the last wins, as in every JSON parser. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OrcoError("invalid", `the body is not JSON: ${error instanceof SyntaxError ? error.message : "it is nested too deeply"}`);
  }
  assertHarmless(value);
  return value;
}

/** A loop, not recursion: depth is what is being attacked. */
function assertHarmless(root: unknown): void {
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  let containers = 1;
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, depth } = next;
    if (typeof value !== "object" || value === null) continue;
    if (depth > MAX_DEPTH) throw new OrcoError("invalid", `the body is nested deeper than ${MAX_DEPTH} levels`);
    if (Object.hasOwn(value, "__proto__")) throw new OrcoError("invalid", "the key __proto__ is not allowed");
    for (const inner of Object.values(value)) {
      if (typeof inner !== "object" || inner === null) continue;
      if (++containers > MAX_CONTAINERS) throw new OrcoError("invalid", `the body holds more than ${MAX_CONTAINERS} objects and lists`);
      open.push({ value: inner, depth: depth + 1 });
    }
  }
}
