import type { Json, JsonObject } from "../../kernel/event.ts";
import { hasLaunchMark, shownText } from "./launch.ts";
import { didYouMean } from "../../kernel/nearest.ts";
import type { Finding, Report } from "./report.ts";
import { formatPath, type Mapping, type Node, type Path, type Scalar, type Span } from "./source.ts";

/** How one kind of value is read from the file and told to editors: both come from the same place, so that they cannot disagree. */
export interface Field<T> {
  /** undefined: what was wrong is reported, or there was no value. */
  read(node: Node, at: Place): T | undefined;
  readonly json: JsonObject;
}

export type Of<F> = F extends Field<infer T> ? T : never;

/** What people and editors are told of a field. A default that depends on other fields is told in words. */
export interface About {
  readonly default?: Json;
  readonly example?: Json;
}

export function told<T>(description: string, field: Field<T>, about: About = {}): Field<T> {
  const { example, default: fallback } = about;
  const json = {
    ...field.json,
    description,
    ...(fallback !== undefined && { default: fallback }),
    ...(example !== undefined && { examples: [example] }),
  };
  return { json, read: (node, at) => field.read(node, at) };
}

/** A short name of the kind of value, for editors and the reference. */
export function titled<T>(title: string, field: Field<T>): Field<T> {
  return { json: { ...field.json, title }, read: (node, at) => field.read(node, at) };
}

export class Place {
  constructor(
    readonly path: Path,
    readonly report: Report,
  ) {}

  /** What people call it: `health`, `ports[0]`. Short, so that a default merged into many services is one finding. */
  get name(): string {
    const last = this.path.findLastIndex((part) => typeof part === "string");
    return formatPath(this.path.slice(Math.max(0, last)));
  }

  in(part: string | number): Place {
    return new Place([...this.path, part], this.report);
  }

  fail(at: Span, message: string, more: Omit<Finding, "message"> = {}): undefined {
    this.report.add(this.path, at, { message, ...more });
  }
}

/** Editors see the file before interpolation: a text with a variable fits everywhere. */
const VARIABLE: JsonObject = { type: "string", pattern: "\\$" };

function orVariable(json: JsonObject): JsonObject {
  return { anyOf: [json, VARIABLE] };
}

/** `a number (3)`, for "expected …, got …". */
function described(node: Node): string {
  if (node.kind === "map") return "a mapping";
  if (node.kind === "list") return "a list";
  if (node.value === null) return "nothing";
  const text = shownText(node.text);
  return `${typeof node.value === "string" ? "the text" : `the ${typeof node.value}`} ${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)}`;
}

function scalarOf(node: Node, at: Place, wanted: string): Scalar | undefined {
  if (node.kind === "scalar" && node.broken) return undefined;
  if (node.kind === "scalar" && node.value !== null) return node;
  return at.fail(node, `expected ${wanted}, got ${described(node)}`);
}

interface TextOptions {
  readonly wanted?: string;
  /** May hold `${PORT}` and the like. */
  readonly launch?: boolean;
  readonly empty?: boolean;
  readonly json?: JsonObject;
}

/** Any scalar, as it was written. */
export function text(options: TextOptions = {}): Field<string> {
  const { wanted = "a text", launch = false, empty = false, json = {} } = options;
  return {
    json: { type: ["string", "number", "boolean"], ...json },
    read(node, at) {
      const scalar = scalarOf(node, at, wanted);
      if (!scalar) return undefined;
      if (!launch && hasLaunchMark(scalar.text))
        return at.fail(node, `${shownText(scalar.text)} is known only when an instance starts, too late for this field`);
      if (!empty && scalar.text.trim() === "") return at.fail(node, `expected ${wanted}, got an empty text`);
      return scalar.text;
    },
  };
}

/** A text that `parse` turns into something; `wanted` tells what is expected when it cannot. */
export function parsedText<T>(
  wanted: string,
  parse: (text: string, node: Scalar, at: Place) => T | undefined,
  json: JsonObject = {},
): Field<T> {
  const inner = text({ wanted });
  return {
    json: { type: ["string", "number"], ...json },
    read(node, at) {
      const raw = inner.read(node, at);
      if (raw === undefined || node.kind !== "scalar") return undefined;
      return parse(raw, node, at) ?? at.fail(node, `expected ${wanted}, got ${described(node)}`);
    },
  };
}

export function number(options: { wanted: string; min: number; max?: number; integer?: boolean }): Field<number> {
  const { wanted, min, max = Number.MAX_SAFE_INTEGER, integer = true } = options;
  return {
    json: orVariable({ type: integer ? "integer" : "number", minimum: min, ...(options.max !== undefined && { maximum: options.max }) }),
    read(node, at) {
      const scalar = scalarOf(node, at, wanted);
      if (!scalar) return undefined;
      const fromText = scalar.interpolated === true && /^[+-]?\d+(?:\.\d+)?$/.test(scalar.text.trim());
      const value = fromText ? Number(scalar.text) : scalar.value;
      const fits = typeof value === "number" && value >= min && value <= max && (!integer || Number.isInteger(value));
      return fits ? value : at.fail(node, `expected ${wanted}, got ${described(node)}`);
    },
  };
}

export const flag: Field<boolean> = {
  json: orVariable({ type: "boolean" }),
  read(node, at) {
    const scalar = scalarOf(node, at, "true or false");
    if (!scalar) return undefined;
    if (typeof scalar.value === "boolean") return scalar.value;
    if (scalar.interpolated && /^(?:true|false)$/.test(scalar.text)) return scalar.text === "true";
    return at.fail(node, `expected true or false, got ${described(node)}`);
  },
};

export function oneOf<const T extends string>(values: readonly T[]): Field<T> {
  const wanted = `one of ${values.join(", ")}`;
  return {
    json: orVariable({ enum: [...values] }),
    read(node, at) {
      const scalar = scalarOf(node, at, wanted);
      if (!scalar) return undefined;
      const found = values.find((value) => value === scalar.text);
      return found ?? at.fail(node, `expected ${wanted}, got ${described(node)}`, { hint: didYouMean(scalar.text, values) });
    },
  };
}

export function list<T>(item: Field<T>, wanted: string): Field<T[]> {
  return {
    json: { type: "array", items: item.json },
    read(node, at) {
      if (node.kind !== "list") return wrongKind(node, at, wanted);
      return node.items.map((one, index) => item.read(one, at.in(index))).filter((one) => one !== undefined);
    },
  };
}

export function record<T>(
  value: Field<T>,
  options: { wanted: string; key?: (key: string) => string | undefined },
): Field<Record<string, T>> {
  return {
    json: { type: "object", additionalProperties: value.json },
    read(node, at) {
      if (node.kind !== "map") return wrongKind(node, at, options.wanted);
      const found: Record<string, T> = {};
      for (const [key, entry] of node.entries) {
        const problem = options.key?.(key);
        if (problem !== undefined) at.in(key).fail(entry.keyAt, problem);
        const one = value.read(entry.value, at.in(key));
        if (one !== undefined) found[key] = one;
      }
      return found;
    },
  };
}

/** The first field for a list, the second for a mapping, the third for anything else; undefined where that form does not exist. */
export function byForm<T>(forms: { list?: Field<T>; map?: Field<T>; scalar?: Field<T> }): Field<T> {
  const all = [forms.scalar, forms.list, forms.map].filter((form) => form !== undefined);
  return {
    json: { anyOf: all.map((form) => form.json) },
    read: (node, at) => (forms[node.kind] ?? all[0])?.read(node, at),
  };
}

export function mapped<T, U>(field: Field<T>, change: (value: T, node: Node, at: Place) => U | undefined): Field<U> {
  return {
    json: field.json,
    read(node, at) {
      const value = field.read(node, at);
      return value === undefined ? undefined : change(value, node, at);
    },
  };
}

type Fields = Readonly<Record<string, Field<unknown>>>;
export type Read<S extends Fields> = { readonly [K in keyof S]?: Of<S[K]> };

/** A mapping with known keys. A key without a value counts as absent; a `required` one that is absent is reported. */
export function object<S extends Fields>(fields: S, options: { required?: readonly (keyof S & string)[] } = {}): Field<Read<S>> {
  const { required = [] } = options;
  const names = Object.keys(fields);
  return {
    json: {
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, fields[name]?.json ?? {}])),
      additionalProperties: false,
      ...(required.length > 0 && { required: [...required] }),
    },
    read(node, at) {
      if (node.kind !== "map") return wrongKind(node, at, `a mapping with ${names.slice(0, 6).join(", ")}${names.length > 6 ? ", …" : ""}`);
      for (const name of required) if (isAbsent(node, name)) at.fail(node, `${at.name || "the file"} has no ${name}`);
      return readEntries(node, at, fields) as Read<S>;
    },
  };
}

function readEntries(node: Mapping, at: Place, fields: Fields): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [key, { keyAt, value }] of node.entries) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (!field) unknownKey(keyAt, at.in(key), fields);
    else if (!isNothing(value)) {
      const one = field.read(value, at.in(key));
      if (one !== undefined) found[key] = one;
    }
  }
  return found;
}

/** Keys of compose that look like none of ours. */
const ELSEWHERE: Readonly<Record<string, string | undefined>> = {
  restart: "restartPolicy",
  environment: "env",
  env_file: "envFromFile",
  healthcheck: "health",
  working_dir: "workdir",
  deploy: "replicas",
  scale: "replicas",
  develop: "watch",
  stop_grace_period: "stop",
  stop_signal: "stop",
  pull_policy: "pull",
  links: "dependsOn",
  mem_limit: "resources",
  cpus: "resources",
};

function unknownKey(keyAt: Span, at: Place, fields: Fields): void {
  const names = Object.keys(fields);
  const key = String(at.path.at(-1));
  const owner = new Place(at.path.slice(0, -1), at.report).name;
  const where = owner === "" ? "" : ` in ${owner}`;
  const meant = ELSEWHERE[key];
  const hint = meant !== undefined && names.includes(meant) ? `compose's ${key} is ${meant} here` : didYouMean(key, names);
  at.fail(keyAt, `unknown key "${key}"${where}`, { hint: hint ?? `known here: ${names.join(", ")}` });
}

function wrongKind(node: Node, at: Place, wanted: string): undefined {
  if (node.kind === "scalar" && node.broken) return undefined;
  return at.fail(node, `expected ${wanted}, got ${described(node)}`);
}

function isNothing(node: Node): boolean {
  return node.kind === "scalar" && node.value === null && !node.broken;
}

function isAbsent(node: Mapping, name: string): boolean {
  const value = node.entries.get(name)?.value;
  return value === undefined || isNothing(value);
}
