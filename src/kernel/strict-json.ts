import { OrcoError } from "./errors.ts";

const MAX_DEPTH = 64;
/** A string, or a character that opens, closes or separates; numbers and words between them are of no interest. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/g;

/** `/services/a~1b`, for problems (RFC 6901). */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/**
 * JSON out of a file that people write: of two equal keys one would be lost without a word, so they are refused, as are `__proto__`, more than
 * 64 levels and more than `maxBytes`. `where` names the text in messages. Throws `invalid` (facts: errors) or `too_large`.
 */
export function parseStrictJson(text: string, { where, maxBytes }: { where: string; maxBytes: number }): unknown {
  if (Buffer.byteLength(text) > maxBytes)
    throw new OrcoError("too_large", `${where} is larger than ${maxBytes} bytes`, { max_bytes: maxBytes });
  const plain = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const value = parsed(plain, where);
  const problem = keyProblem(plain);
  if (!problem) return value;
  throw new OrcoError("invalid", `${where}: ${problem.detail}`, { errors: [problem] });
}

function parsed(text: string, where: string): unknown {
  if (text.trim() === "") throw new OrcoError("invalid", `${where} is empty`, { errors: [{ pointer: "", detail: "the file is empty" }] });
  try {
    return JSON.parse(text);
  } catch (error) {
    const detail = error instanceof SyntaxError ? `not JSON: ${error.message}` : "nested too deeply";
    throw new OrcoError("invalid", `${where}: ${detail}`, { errors: [{ pointer: "", detail }] });
  }
}

interface Level {
  /** Keys of an object so far; absent in a list. */
  readonly keys?: Set<string>;
  at: string | number;
}

/** Walks the tokens of what is known to be JSON. */
function keyProblem(text: string): { pointer: string; detail: string } | undefined {
  const levels: Level[] = [];
  const pointer = (): string => jsonPointer(levels.map(({ at }) => at));
  let wantsKey = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    if (token === "{" || token === "[") {
      levels.push(token === "{" ? { keys: new Set(), at: "" } : { at: 0 });
      if (levels.length > MAX_DEPTH) return { pointer: pointer(), detail: `nested deeper than ${MAX_DEPTH} levels` };
    } else if (token === "}" || token === "]") levels.pop();
    else if (token === "," && typeof level?.at === "number") level.at++;
    else if (level?.keys && wantsKey && token.startsWith('"')) {
      const key = JSON.parse(token) as string;
      const duplicate = level.keys.has(key);
      level.keys.add(key);
      level.at = key;
      if (duplicate) return { pointer: pointer(), detail: `the key ${JSON.stringify(key)} is given twice` };
      if (key === "__proto__") return { pointer: pointer(), detail: "the key __proto__ is not allowed" };
    }
    wantsKey = token === "{" || token === ",";
  }
  return undefined;
}
