import { OrcoError } from "../kernel/errors.ts";

const MAX_DEPTH = 64;
/** Ten million of them fit into a task's 32 MiB, and checking them keeps the daemon from everything else for half a minute. */
const MAX_CONTAINERS = 100_000;

/** More values than these are not read a second time: it takes ten times as long as the first. */
const MAX_EXACT_VALUES = 100_000;
/** Fewer digits than these a double holds as they are. */
const LONG_NUMBER = /\d{16}/;

/** The proposal "JSON.parse source text access", which Bun has and the types do not. */
const { parse, rawJSON } = JSON as unknown as {
  readonly parse: (text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown) => unknown;
  readonly rawJSON: (text: string) => object;
};

export interface ParsedJson {
  readonly value: unknown;
  /** The same with the numbers that no double holds as they are written, for `JSON.stringify`; only where there are some. */
  readonly exact?: unknown;
}

/** As `parseJson`. For what is passed on: to whom it goes may hold more digits than we do. */
export function parseExactly(text: string): ParsedJson {
  const { value, values, isBeyond } = parsed(text);
  if (values > MAX_EXACT_VALUES || !(isBeyond || LONG_NUMBER.test(text))) return { value };
  let isOther = false;
  const exact = parse(text, (_, inner, { source = "" }) => {
    if (typeof inner !== "number" || (Number.isFinite(inner) && (!LONG_NUMBER.test(source) || String(inner) === source))) return inner;
    isOther = true;
    return rawJSON(source);
  });
  return isOther ? { value, exact } : { value };
}

/** Parses a request body. Throws `invalid` on malformed JSON, nesting over 64 levels, more than 100,000 objects and lists, and keys that reach for a prototype. Of duplicate keys the last wins, as in every JSON parser. */
export function parseJson(text: string): unknown {
  return parsed(text).value;
}

function parsed(text: string): Extent & { readonly value: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new OrcoError("invalid", `the body is not JSON: ${error instanceof SyntaxError ? error.message : "it is nested too deeply"}`);
  }
  return { value, ...checkedExtent(value) };
}

interface Extent {
  readonly values: number;
  /** Some number is larger than any double. */
  readonly isBeyond: boolean;
}

/** A loop, not recursion: depth is what is being attacked. */
function checkedExtent(root: unknown): Extent {
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 1 }];
  let containers = 1;
  let values = 1;
  let isBeyond = false;
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, depth } = next;
    if (typeof value !== "object" || value === null) continue;
    if (depth > MAX_DEPTH) throw new OrcoError("invalid", `the body is nested deeper than ${MAX_DEPTH} levels`);
    if (Object.hasOwn(value, "__proto__")) throw new OrcoError("invalid", "the key __proto__ is not allowed");
    const inside: unknown[] = Object.values(value);
    values += inside.length;
    for (const inner of inside) {
      if (inner === Number.POSITIVE_INFINITY || inner === Number.NEGATIVE_INFINITY) isBeyond = true;
      if (typeof inner !== "object" || inner === null) continue;
      if (++containers > MAX_CONTAINERS) throw new OrcoError("invalid", `the body holds more than ${MAX_CONTAINERS} objects and lists`);
      open.push({ value: inner, depth: depth + 1 });
    }
  }
  return { values, isBeyond };
}
