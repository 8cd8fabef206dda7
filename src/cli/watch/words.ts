import { relative } from "node:path";

/** `12 files changed, src/a.ts …`, paths as seen from `cwd`. */
export function changedText(paths: readonly string[], cwd: string): string {
  const [first = ""] = paths;
  const shown = relative(cwd, first);
  const name = shown.startsWith("../../") ? first : shown;
  return paths.length === 1 ? `1 file changed, ${name}` : `${paths.length} files changed, ${name} …`;
}
