import type { Json, JsonObject } from "../kernel/event.ts";
import { OrcoError } from "../kernel/errors.ts";

/**
 * `${…}` in the fields of a step. A text that is exactly one reference stands for the value itself where JSON is wanted (bodies); elsewhere values become
 * text, objects as JSON. `$${` is a plain `${`.
 *
 *   ${steps.<id>.outputs.<key>[.path]}   ${input.<path>}   ${run.id}   ${item[.path]}   ${index}
 */
export type Reference =
  | { readonly root: "steps"; readonly step: string; readonly path: readonly string[]; readonly text: string }
  | { readonly root: "input" | "item" | "index" | "run"; readonly path: readonly string[]; readonly text: string };

/** What references stand for. */
export interface Scope {
  readonly run: { readonly id: string };
  readonly input: JsonObject;
  outputs(step: string): JsonObject | undefined;
  /** Of a `for_each`. */
  readonly item?: { readonly value: Json; readonly index: number };
}

type Part = string | Reference;

/** Characters of JSON that references may stand for, all in all: a plan is short, and could name one long value ten thousand times. */
const MAX_FILLED = 8 * 1024 * 1024;
const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const SEGMENT = /^[^\s.[\]{}$]+$/;
const INDEX = /\[(\d+)\]/g;

/** The references of a text. Throws `invalid` on one that is none. */
export function referencesIn(text: string): Reference[] {
  if (!text.includes("${")) return [];
  return parts(text).filter((part) => typeof part !== "string");
}

/** The value that a text stands for. Throws `invalid` (facts: reference) where it has none, or it is too long. */
export function fillValue(text: string, scope: Scope): Json {
  return filled(text, scope, { left: MAX_FILLED });
}

export function fillText(text: string, scope: Scope): string {
  return asText(fillValue(text, scope));
}

/** Every text in a JSON value filled in; keys stay. */
export function fillJson(value: Json, scope: Scope): Json {
  const room = { left: MAX_FILLED };
  return mapTexts(value, (text) => filled(text, scope, room));
}

function filled(text: string, scope: Scope, room: { left: number }): Json {
  if (!text.includes("${")) return text;
  const found = parts(text);
  const [only] = found;
  if (found.length === 1 && only !== undefined && typeof only !== "string") return valueOf(only, scope, room);
  return found.map((part) => (typeof part === "string" ? part : asText(valueOf(part, scope, room)))).join("");
}

/** Every text in a JSON value. */
export function textsIn(value: Json, found: string[] = []): string[] {
  mapTexts(value, (text) => {
    found.push(text);
    return text;
  });
  return found;
}

function mapTexts(value: Json, change: (text: string) => Json): Json {
  if (typeof value === "string") return change(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((one) => mapTexts(one, change));
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, one]) => [key, mapTexts(one, change)]));
}

function asText(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parts(text: string): Part[] {
  const found: Part[] = [];
  let plain = "";
  let at = 0;
  for (const match of text.matchAll(REFERENCE)) {
    const [all, inner, closed] = match;
    plain += text.slice(at, match.index);
    at = match.index + all.length;
    if (inner === undefined) {
      plain += "${";
      continue;
    }
    if (!closed) throw refused(`\${${inner}`, "is never closed");
    if (plain !== "") found.push(plain);
    plain = "";
    found.push(parseReference(inner));
  }
  plain += text.slice(at);
  return plain === "" && found.length > 0 ? found : [...found, plain];
}

function parseReference(inner: string): Reference {
  const text = `\${${inner}}`;
  const [root = "", ...path] = inner.trim().replace(INDEX, ".$1").split(".");
  if (!path.every((segment) => SEGMENT.test(segment))) throw refused(text, "is no reference");
  switch (root) {
    case "steps": {
      const [step, outputs, ...rest] = path;
      if (step === undefined || outputs !== "outputs") throw refused(text, "reads no outputs: ${steps.<id>.outputs.<key>}");
      return { root, step, path: rest, text };
    }
    case "input":
    case "item":
      return { root, path, text };
    case "run":
      if (path.length === 1 && path[0] === "id") return { root, path, text };
      throw refused(text, "is not known: of the run there is ${run.id}");
    case "index":
      if (path.length === 0) return { root, path, text };
      throw refused(text, "is a number and has no fields");
    default:
      throw refused(text, `is no reference: write $${text} where it is meant as it stands`);
  }
}

function valueOf(reference: Reference, scope: Scope, room: { left: number }): Json {
  const value = follow(rootValue(reference, scope), reference.path);
  if (value === undefined) throw refused(reference.text, "has no value");
  room.left -= asText(value).length;
  if (room.left < 0) throw refused(reference.text, `makes it longer than ${MAX_FILLED} characters, which is the most`);
  return value;
}

function rootValue(reference: Reference, scope: Scope): Json | undefined {
  switch (reference.root) {
    case "steps":
      return scope.outputs(reference.step);
    case "input":
      return scope.input;
    case "run":
      return scope.run;
    case "item":
      return scope.item?.value;
    case "index":
      return scope.item?.index;
  }
}

function follow(root: Json | undefined, path: readonly string[]): Json | undefined {
  let value = root;
  for (const segment of path) {
    // Own fields only: `constructor` and the like are nobody's outputs; nor is the length of a list.
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    if (Array.isArray(value) && segment === "length") return undefined;
    value = (value as JsonObject)[segment];
  }
  return value;
}

function refused(text: string, why: string): OrcoError {
  return new OrcoError("invalid", `${text} ${why}`, { reference: text });
}
