import type { Level } from "./level.ts";
import { levelOfText, levelOfValue } from "./level.ts";

/** What a line says, before it gets its time, place and seq. `meta` is JSON text. */
export interface Parsed {
  readonly level: Level | undefined;
  readonly message: string;
  readonly meta: string | undefined;
}

export type Format = "auto" | "json" | "text";

const LEVEL_KEYS = ["level", "severity", "lvl"];
const MESSAGE_KEYS = ["msg", "message"];
const TIME_KEYS = ["time", "ts", "timestamp", "@timestamp"];

/** Reads one line. `clean` removes secrets that only show once JSON escapes are undone. */
export function parseLine(line: string, format: Format, clean?: (text: string) => string): Parsed {
  if (format !== "text" && looksLikeObject(line)) {
    const parsed = parseObject(line, clean);
    if (parsed) return parsed;
  }
  return { level: format === "json" ? undefined : levelOfText(line), message: line, meta: undefined };
}

function looksLikeObject(line: string): boolean {
  return line.charCodeAt(0) === 123 && line.charCodeAt(line.length - 1) === 125;
}

function parseObject(line: string, clean: ((text: string) => string) | undefined): Parsed | undefined {
  try {
    const value: unknown = clean ? JSON.parse(line, (_key, part: unknown) => cleaned(part, clean)) : JSON.parse(line);
    return isObject(value) ? fields(value, line) : undefined;
  } catch {
    return undefined; // not JSON after all, or nested deeper than the parser goes: it is text
  }
}

function fields(object: Record<string, unknown>, line: string): Parsed {
  const level = take(object, LEVEL_KEYS, (value) => levelOfValue(value));
  const message = take(object, MESSAGE_KEYS, (value) => (typeof value === "string" ? value : undefined));
  const time = take(object, TIME_KEYS, (value) => (typeof value === "string" || typeof value === "number" ? value : undefined));
  const rest = JSON.stringify(object);
  const meta = time === undefined ? rest : `{"time":${JSON.stringify(time)}${rest === "{}" ? "}" : `,${rest.slice(1)}`}`;
  return { level, message: message ?? line, meta: meta === "{}" ? undefined : meta };
}

/** Removes the first of `keys` whose value is acceptable, and returns what it was read as. */
function take<T>(object: Record<string, unknown>, keys: readonly string[], read: (value: unknown) => T | undefined): T | undefined {
  for (const key of keys) {
    if (!Object.hasOwn(object, key)) continue;
    const value = read(object[key]);
    if (value === undefined) continue;
    delete object[key];
    return value;
  }
  return undefined;
}

function cleaned(value: unknown, clean: (text: string) => string): unknown {
  if (typeof value === "string") return clean(value);
  if (!isObject(value)) return value;
  for (const key of Object.keys(value)) {
    const shown = clean(key);
    if (shown === key) continue;
    value[shown] = value[key];
    delete value[key];
  }
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
