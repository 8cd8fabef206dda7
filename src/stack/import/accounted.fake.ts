import { parse } from "yaml";

/** Paths of every leaf of a YAML text, `<<` merged, read by the library itself: what a report must account for. */
function leafPaths(yaml: string): string[] {
  return visit(parse(yaml, { merge: true, logLevel: "error" }) as unknown, "");
}

function visit(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [path];
  const below = Array.isArray(value)
    ? value.flatMap((item, index) => visit(item, `${path}[${index}]`))
    : Object.entries(value).flatMap(([key, item]) => visit(item, joined(path, key)));
  return below.length === 0 ? [path] : below;
}

function joined(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

/** Leaves that no line of the report is about. A line speaks for what is below its path, but one for a whole service only when it is dropped. */
export function unaccounted(yaml: string, report: readonly { path: string; action: string }[]): string[] {
  const covering = report.filter(({ path, action }) => action === "dropped" || !/^services(?:\.[\w-]+|\["[^"]*"\])$/.test(path));
  return leafPaths(yaml).filter(
    (leaf) => !covering.some(({ path }) => leaf === path || leaf.startsWith(`${path}.`) || leaf.startsWith(`${path}[`)),
  );
}
