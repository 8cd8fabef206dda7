import { membersOf, skipSpace, type Member } from "./json-members.ts";
import { eolOf, splice } from "./lines.ts";

export interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  /** e.g. `pnpm@9.1.0`. */
  readonly packageManager?: string;
  readonly name?: string;
}

type Section = "dependencies" | "devDependencies";

/** Undefined where it is no package.json. */
export function readPackage(text: string): Package | undefined {
  const value = parsed(text);
  if (!value) return undefined;
  const { packageManager, name } = value;
  return {
    dependencies: recordIn(value, "dependencies"),
    devDependencies: recordIn(value, "devDependencies"),
    ...(typeof packageManager === "string" && { packageManager }),
    ...(typeof name === "string" && { name }),
  };
}

/** `name` in `dependencies`, in order where they are in order; everything else stays as it is. Undefined where it is no package.json. */
export function addDependency(text: string, name: string, range: string): string | undefined {
  const root = rootOf(text);
  if (!root) return undefined;
  const section = root.members.find((member) => member.name === "dependencies");
  const entry = `${JSON.stringify(name)}: ${JSON.stringify(range)}`;
  if (!section) return insert(text, root, { entry: `"dependencies": ${objectOf(text, root, entry)}`, before: undefined });
  const members = membersOf(text, section.valueStart);
  if (!members) return undefined;
  if (members.some((member) => member.name === name)) return undefined;
  if (members.length === 0) return splice(text, { start: section.valueStart, end: section.end }, objectOf(text, root, entry));
  return insert(text, { start: section.valueStart, members }, { entry, before: members.find((member) => member.name > name) });
}

/** Moves it from `devDependencies`, as an install without these leaves it out. Undefined where it is not there. */
export function promoteDependency(text: string, name: string): string | undefined {
  const range = readPackage(text)?.devDependencies[name];
  const without = range === undefined ? undefined : removeMember(text, "devDependencies", name);
  return without === undefined || range === undefined ? undefined : addDependency(without, name, range);
}

interface Obj {
  readonly start: number;
  readonly members: readonly Member[];
}

function rootOf(text: string): Obj | undefined {
  if (!parsed(text)) return undefined;
  const start = skipSpace(text, 0);
  const members = membersOf(text, start);
  return members && { start, members };
}

function removeMember(text: string, section: Section, name: string): string | undefined {
  const holder = rootOf(text)?.members.find((member) => member.name === section);
  const members = holder && membersOf(text, holder.valueStart);
  const at = members?.findIndex((member) => member.name === name) ?? -1;
  const [before, member, after] = [members?.[at - 1], members?.[at], members?.[at + 1]];
  if (!holder || !member) return undefined;
  if (after) return splice(text, { start: member.start, end: after.start }, "");
  return splice(text, before ? { start: before.end, end: member.end } : { start: holder.valueStart, end: holder.end }, before ? "" : "{}");
}

/** In front of `before`, or behind the last; spaces as between the others. */
function insert(text: string, { start, members }: Obj, { entry, before }: { entry: string; before: Member | undefined }): string {
  const [first] = members;
  if (!first)
    return splice(text, { start: start + 1, end: skipSpace(text, start + 1) }, `${breakOf(text)}${unitOf(text)}${entry}${breakOf(text)}`);
  const gap = text.slice(start + 1, first.start);
  if (before) return splice(text, { start: before.start, end: before.start }, `${entry},${gapOr(gap)}`);
  const last = members.at(-1) ?? first;
  return splice(text, { start: last.end, end: last.end }, `,${gapOr(gap)}${entry}`);
}

function gapOr(gap: string): string {
  return gap.includes("\n") ? gap : " ";
}

/** An object of one member, written as the others of the root are. */
function objectOf(text: string, root: Obj, entry: string): string {
  const [first] = root.members;
  const gap = first ? text.slice(root.start + 1, first.start) : breakOf(text) + unitOf(text);
  if (!gap.includes("\n")) return `{ ${entry} }`;
  return `{${gap}${unitOf(text)}${entry}${gap}}`;
}

/** What one level of indentation is in this file. */
function unitOf(text: string): string {
  return /\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
}

function breakOf(text: string): string {
  return eolOf(text);
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ""));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function recordIn(value: Record<string, unknown>, section: Section): Record<string, string> {
  const found = value[section];
  if (typeof found !== "object" || found === null) return {};
  return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
