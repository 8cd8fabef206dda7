import { eolOf, splice, versionAt } from "./lines.ts";
import { normalName, requirementsOf } from "./requirements.ts";

/** Where a pyproject.toml keeps what it depends on; undefined where it does nowhere. */
export type PyprojectStyle = "project" | "poetry";

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Poetry's own table wins only where there is no `[project]` (PEP 621) with dependencies. */
export function styleOf(text: string): PyprojectStyle | undefined {
  const project = tableOf(text, "project");
  if (project && arrayOf(text, project)) return "project";
  if (tableOf(text, "tool.poetry.dependencies")) return "poetry";
  return project ? "project" : undefined;
}

/** Normal names of what it depends on. */
export function namesIn(text: string): ReadonlySet<string> {
  const project = tableOf(text, "project");
  const array = project && arrayOf(text, project);
  const listed = array ? stringsIn(text, array).map(({ value }) => requirementsOf(value)[0]?.name ?? "") : [];
  const poetry = tableOf(text, "tool.poetry.dependencies");
  const keys = poetry ? [...text.slice(poetry.start, poetry.end).matchAll(/^[ \t]*"?([A-Za-z0-9._-]+)"?[ \t]*=/gm)] : [];
  return new Set([...listed, ...keys.map((key) => normalName(key[1] ?? ""))].filter((name) => name !== ""));
}

/** One dependency more (`setuptools<82`); undefined where there is no place for it. */
export function addToPyproject(text: string, requirement: string): string | undefined {
  const style = styleOf(text);
  if (style === "poetry") return addToPoetry(text, requirement);
  const project = tableOf(text, "project");
  if (!project) return undefined;
  const array = arrayOf(text, project);
  if (array) return addToArray(text, array, JSON.stringify(requirement));
  if (/^[ \t]*dynamic[ \t]*=[^\]]*["']dependencies["']/m.test(text.slice(project.start, project.end))) return undefined;
  const eol = eolOf(text);
  const at = lastContent(text, project);
  return splice(text, { start: at, end: at }, `${eol}dependencies = [${eol}    ${JSON.stringify(requirement)},${eol}]`);
}

/** Another version of a dependency, where it stands there literally (`flask==3.0.99`, `flask = "3.0.99"`). */
export function withPyprojectVersion(
  text: string,
  name: string,
  { from, to }: { readonly from: string; readonly to: string },
): string | undefined {
  const project = tableOf(text, "project");
  const array = project && arrayOf(text, project);
  const listed = array && stringsIn(text, array).find(({ value }) => requirementsOf(value)[0]?.name === name && value.includes(from));
  const poetry = tableOf(text, "tool.poetry.dependencies");
  const key = poetry && lineOfKey(text, poetry, name);
  const span = listed ?? key;
  const at = span ? versionAt(text, span, from) : -1;
  return at >= 0 ? splice(text, { start: at, end: at + from.length }, to) : undefined;
}

function addToPoetry(text: string, requirement: string): string | undefined {
  const table = tableOf(text, "tool.poetry.dependencies");
  const [one] = requirementsOf(requirement);
  if (!table || !one) return undefined;
  const at = lastContent(text, table);
  const key = /^[A-Za-z0-9_-]+$/.test(one.written) ? one.written : JSON.stringify(one.written);
  return splice(text, { start: at, end: at }, `${eolOf(text)}${key} = ${JSON.stringify(one.specifier || "*")}`);
}

/** What stands between a table's header and the next one. */
function tableOf(text: string, name: string): Span | undefined {
  const header = new RegExp(`^[ \\t]*\\[[ \\t]*${name.replaceAll(".", "[ \\t]*\\.[ \\t]*")}[ \\t]*\\][^\\n]*`, "m").exec(text);
  if (!header) return undefined;
  const start = header.index + header[0].replace(/\r$/, "").length;
  const next = /^[ \t]*\[\[?[ \t]*[A-Za-z0-9_"'.-]+[ \t]*(?:\.[^\]]*)?\]\]?[ \t]*(?:#[^\n]*)?\r?$/m.exec(text.slice(start));
  return { start, end: next ? start + next.index : text.length };
}

/** `dependencies = [ … ]` of a table, brackets included. */
function arrayOf(text: string, table: Span): Span | undefined {
  const key = /^[ \t]*dependencies[ \t]*=[ \t]*\[/m.exec(text.slice(table.start, table.end));
  if (!key) return undefined;
  const start = table.start + key.index + key[0].length - 1;
  for (const token of text.slice(start).matchAll(TOKEN)) if (token[0] === "]") return { start, end: start + token.index + 1 };
  return undefined;
}

/** Strings, comments, closing brackets. */
const TOKEN = /"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|\]/g;

function stringsIn(text: string, { start, end }: Span): readonly (Span & { readonly value: string })[] {
  return [...text.slice(start, end).matchAll(TOKEN)]
    .filter(([token]) => /^["']/.test(token))
    .map((token) => ({ value: token[0].slice(1, -1), start: start + token.index, end: start + token.index + token[0].length }));
}

function addToArray(text: string, array: Span, item: string): string {
  const items = stringsIn(text, array);
  const [first, last] = [items[0], items.at(-1)];
  if (!first || !last) return splice(text, { start: array.start, end: array.end }, `[${item}]`);
  const gap = text.slice(array.start + 1, first.start);
  const indent = /[ \t]*$/.exec(gap)?.[0] ?? "";
  const sameLine = !gap.includes("\n");
  const between = sameLine ? " " : eolOf(text) + indent;
  const comma = /^\s*,/.exec(text.slice(last.end, array.end))?.[0];
  if (comma === undefined) return splice(text, { start: last.end, end: last.end }, `,${between}${item}`);
  const at = last.end + comma.length;
  // A comment behind the last item stays behind it.
  const comment = sameLine ? "" : (/^[ \t]*#[^\r\n]*/.exec(text.slice(at))?.[0] ?? "");
  return splice(text, { start: at + comment.length, end: at + comment.length }, `${between}${item},`);
}

function lineOfKey(text: string, table: Span, name: string): Span | undefined {
  const lines = text.slice(table.start, table.end).matchAll(/^[ \t]*"?([A-Za-z0-9._-]+)"?[ \t]*=[^\n]*/gm);
  const line = lines.find((found) => normalName(found[1] ?? "") === name);
  return line && { start: table.start + line.index, end: table.start + line.index + line[0].length };
}

/** Behind the last line of a table that says anything. */
function lastContent(text: string, { start, end }: Span): number {
  return start + text.slice(start, end).trimEnd().length;
}
