import { appendLine, splice, versionAt } from "./lines.ts";

/** A requirement of a requirements file (PEP 508), with its place in the text in UTF-16 units. */
export interface Requirement {
  /** As PEP 503 normalises it. */
  readonly name: string;
  /** As written, e.g. `Flask[async]`. */
  readonly written: string;
  /** Without spaces, e.g. `>=2,<3`; "" where any version will do. */
  readonly specifier: string;
  /** What comes after `;`, trimmed. */
  readonly marker: string;
  /** From 1. */
  readonly line: number;
  readonly start: number;
  /** Behind the specifier: markers, hashes and comments come after it. */
  readonly specifierStart: number;
  readonly end: number;
}

/** A name as PEP 503 normalises it. */
export function normalName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}

/** `name`, extras, then versions with their operators; linear. */
const REQUIREMENT =
  /^(\s*)([A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?)(\s*\[[^\]]{0,200}\])?(\s*)(\(?(?:[=<>!~][^;#\s]*(?:\s+[^;#\\\s-][^;#\s]*)*)?)/;

/** What a requirements file, or a string of it, asks for; options, links and paths are not requirements. */
export function requirementsOf(text: string): readonly Requirement[] {
  const found: Requirement[] = [];
  let at = 0;
  for (const [index, line] of text.split("\n").entries()) {
    const one = requirementIn(line, { at, number: index + 1 });
    if (one) found.push(one);
    at += line.length + 1;
  }
  return found;
}

function requirementIn(line: string, { at, number }: { at: number; number: number }): Requirement | undefined {
  const parts = REQUIREMENT.exec(line.replace(/\r$/, ""));
  if (!parts) return undefined;
  const [whole, indent = "", name = "", extras = "", space = "", specifier = ""] = parts;
  const rest = line.slice(whole.length);
  if (!/^\s*(?:$|[;#\\@-])/.test(rest) || /^\s*@/.test(rest)) return undefined;
  const start = at + indent.length;
  return {
    name: normalName(name),
    written: `${name}${extras}`,
    specifier: specifier.replace(/\s+|[()]/g, ""),
    marker: /^\s*;\s*([^#]*)/.exec(rest)?.[1]?.trim() ?? "",
    line: number,
    start,
    specifierStart: start + name.length + extras.length + (specifier === "" ? 0 : space.length),
    end: specifier === "" ? start + name.length + extras.length : at + whole.length,
  };
}

/** Pip wants a hash with every requirement as soon as one has one. */
export function wantsHashes(text: string): boolean {
  return /(?:^|\s)--(?:require-hashes|hash=)/m.test(text);
}

/** Other files that a requirements file takes in (`-r base.txt`), as written. */
export function includedBy(text: string): readonly string[] {
  return [...text.matchAll(/^[ \t]*(?:-r|--requirement)[ \t=]+([^\s#]+)/gm)].map((found) => found[1] ?? "");
}

/** One requirement more, as the last line. */
export function addRequirement(text: string, requirement: string): string {
  return appendLine(text, requirement);
}

/** Another specifier (`==3.1.0`, or "" for any version); everything else of the line stays. */
export function withSpecifier(text: string, requirement: Requirement, specifier: string): string {
  return splice(text, { start: requirement.specifierStart, end: requirement.end }, specifier);
}

/** Another version behind the operator it has; spaces stay too. */
export function withVersion(
  text: string,
  { specifierStart, end }: Requirement,
  { from, to }: { readonly from: string; readonly to: string },
): string {
  const at = versionAt(text, { start: specifierStart, end }, from);
  return at === -1 ? text : splice(text, { start: at, end: at + from.length }, to);
}

/** Takes its whole line out. */
export function withoutRequirement(text: string, requirement: Requirement): string {
  const start = text.lastIndexOf("\n", requirement.start - 1) + 1;
  const end = text.indexOf("\n", requirement.start);
  return end === -1 ? text.slice(0, Math.max(0, start - 1)).replace(/\r$/, "") : splice(text, { start, end: end + 1 }, "");
}
