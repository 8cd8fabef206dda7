import { OrcoError } from "../kernel/errors.ts";

const MAX_DEPTH = 64;
/** Ten million of them fit into a task's 32 MiB, and checking them keeps the daemon from everything else for half a minute. */
const MAX_CONTAINERS = 100_000;

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
