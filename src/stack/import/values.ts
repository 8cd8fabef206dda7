import { parseDuration } from "../../kernel/duration.ts";
import { FORBIDDEN_KEYS } from "../load/parse.ts";
import type { Cursor } from "./cursor.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** What a table says of a word of the source; `toString` is none of its words. */
export function known<T>(table: Readonly<Record<string, T>>, word: string): T | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined;
}

/** It has a variable, whose value is not known here. */
export function isOpen(text: string): boolean {
  return /(?<!\$)(?:\$\$)*\$[A-Za-z_{]/.test(text);
}

/** The text of a scalar. What is none is a mistake of the source. */
export function textOf(at: Cursor, wanted: string): string | undefined {
  if (at.node.kind === "scalar" && at.node.value !== null) return at.text;
  return at.fail(`expected ${wanted}`);
}

/** A number, or a text with a variable that will be one. */
export function numberOf(at: Cursor, wanted: string): number | string | undefined {
  const text = textOf(at, wanted)?.trim();
  if (text === undefined || isOpen(text)) return text;
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : at.fail(`expected ${wanted}, not ${JSON.stringify(text)}`);
}

/** true or false, or a text with a variable that will be one. */
export function flagOf(at: Cursor): boolean | string | undefined {
  const text = textOf(at, "true or false")?.trim();
  if (text === undefined || isOpen(text)) return text;
  if (/^(?:true|yes|on|y)$/i.test(text)) return true;
  return /^(?:false|no|off|n)$/i.test(text) ? false : at.fail(`expected true or false, not ${JSON.stringify(text)}`);
}

const MAX_DURATION_CHARS = 100;

/** A duration as orco reads it: compose also knows ns, us and weeks. */
export function durationOf(at: Cursor): string | undefined {
  const text = textOf(at, 'a duration such as "30s"')?.trim();
  if (text === undefined || isOpen(text) || parseDuration(text) !== undefined) return text;
  if (text.length > MAX_DURATION_CHARS) return at.fail(`expected a duration such as "30s"`);
  const terms = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)/g)];
  if (terms.length === 0 || terms.map(([whole]) => whole).join("") !== text)
    return at.fail(`expected a duration such as "30s", not ${JSON.stringify(text)}`);
  const ms = terms.reduce((total, [, count, unit]) => total + Number(count) * (UNIT_MS[unit ?? ""] ?? 0), 0);
  return `${Math.ceil(ms)}ms`;
}

/** The words of a list, or a text as it is. */
export function commandOf(at: Cursor): string[] | string | undefined {
  if (at.node.kind === "list") return at.items().map((item) => textOf(item, "a word of the command") ?? "");
  return textOf(at, "a command: a text or a list of words");
}

export interface Pair {
  readonly key: string;
  /** undefined: a name alone. */
  readonly value: string | undefined;
  readonly at: Cursor;
}

/** `{A: 1}` and `[A=1]` alike. */
export function pairsOf(at: Cursor, separator = "="): Pair[] {
  if (at.node.kind === "map")
    return at.fields().map(([key, field]) => ({ key, value: field.isNothing ? undefined : textOf(field, "a text"), at: field }));
  if (at.node.kind !== "list") at.fail(`expected a mapping, or a list of NAME${separator}value`);
  return at.items().flatMap((item) => {
    const text = textOf(item, `NAME${separator}value`) ?? "";
    const cut = text.indexOf(separator);
    const key = cut === -1 ? text : text.slice(0, cut);
    if (!FORBIDDEN_KEYS.has(key)) return { key, value: cut === -1 ? undefined : text.slice(cut + 1), at: item };
    item.dropped(`${key} cannot be a key of stack.yaml`);
    return [];
  });
}

/** A text alone, or the items of a list. */
export function oneOrMore(at: Cursor): Cursor[] {
  return at.node.kind === "list" ? at.items() : [at];
}

/** Splits at colons outside `${…}` and `[…]`. */
export function splitColons(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const char of text) {
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    if (char === ":" && depth <= 0) parts.push("");
    else parts[parts.length - 1] += char;
  }
  return parts;
}

/** `sh -c` is how compose runs a text. */
export function shell(text: string): string[] {
  return ["/bin/sh", "-c", text];
}
