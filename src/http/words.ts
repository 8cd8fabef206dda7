import type { z } from "zod";

type Issue = z.core.$ZodIssue;
type RawIssue = Readonly<Record<string, unknown>>;

/** What each kind of value is called. */
const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
  null: "null",
};

const FORMATS: Readonly<Record<string, string>> = { datetime: "must be a time as RFC 3339 has it", guid: "must be a UUID" };

/** What counts in a length. */
const UNITS: Readonly<Record<string, string>> = {
  string: "characters",
  array: "entries",
  set: "entries",
  map: "entries",
  object: "fields",
};

/** What a value must be, in the words of `runs/plan-fields.ts`. Where a schema says it itself, that is taken. */
export function inWords(raw: unknown): string | undefined {
  const issue = raw as RawIssue;
  switch (issue["code"]) {
    case "invalid_type":
      return required(issue) ?? `must be ${KINDS[String(issue["expected"])] ?? `of type ${String(issue["expected"])}`}`;
    case "invalid_value":
      return required(issue) ?? `must be ${oneOf(issue["values"] as readonly unknown[])}`;
    case "too_small":
      return tooSmall(issue);
    case "too_big":
      return tooBig(issue);
    case "invalid_format":
      return FORMATS[String(issue["format"])] ?? "is not in the form that is asked for";
    case "invalid_union":
      return required(issue) ?? alternatives(issue["errors"] as readonly (readonly Issue[])[]);
    case "invalid_key":
      return "is no name that may be used here";
    default:
      return undefined;
  }
}

/** Of alternatives the only one whose kind fits what was sent; undefined where that cannot be said. */
export function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter((issues) => !issues.some(isOfKind));
  return fitting.length === 1 ? fitting[0] : undefined;
}

function isOfKind({ path, code }: Issue): boolean {
  return path.length === 0 && (code === "invalid_type" || code === "invalid_value");
}

function required(issue: RawIssue): string | undefined {
  return issue["input"] === undefined ? "is required" : undefined;
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(", ")}`;
}

function tooSmall(issue: RawIssue): string {
  const { origin, minimum, inclusive } = issue;
  const unit = UNITS[String(origin)];
  if (unit === undefined) return `must be ${inclusive === false ? "more than" : "at least"} ${String(minimum)}`;
  return minimum === 1 ? "must not be empty" : `must have at least ${String(minimum)} ${unit}`;
}

function tooBig(issue: RawIssue): string {
  const { origin, maximum, inclusive } = issue;
  const unit = UNITS[String(origin)];
  if (unit === undefined) return `must be ${inclusive === false ? "less than" : "at most"} ${String(maximum)}`;
  return `must have at most ${String(maximum)} ${unit}`;
}

function alternatives(branches: readonly (readonly Issue[])[] = []): string | undefined {
  const said = [...new Set(branches.flatMap(([first]) => (first ? [first.message] : [])))];
  return said.length > 0 && said.every((one) => one.startsWith("must be ")) ? `must be ${said.map(bare).join(" or ")}` : said[0];
}

function bare(said: string): string {
  return said.slice("must be ".length);
}
