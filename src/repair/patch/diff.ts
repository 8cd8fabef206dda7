import { type FileChange, patchRefused } from "./change.ts";
import { type Hunk, hunksOf, linesOf } from "./diff-lines.ts";
import { type FilePatch, parsePatches } from "./diff-parse.ts";
import { quotedPath } from "./git-path.ts";

const NO_BREAK = "\\ No newline at end of file\n";

/** A git-style unified diff that `git apply` takes; "" where nothing changes. Line ends stay as they are. */
export function diffOfChanges(changes: readonly FileChange[]): string {
  return changes.map(diffOfChange).join("");
}

function diffOfChange({ path, before, after, mode }: FileChange): string {
  if (before === after) return "";
  const header = [`diff --git ${quotedPath(`a/${path}`)} ${quotedPath(`b/${path}`)}\n`];
  if (before === null) header.push(`new file mode ${((mode ?? 0) & 0o100) === 0 ? "100644" : "100755"}\n`);
  if (after === null) header.push(`deleted file mode ${((mode ?? 0) & 0o100) === 0 ? "100644" : "100755"}\n`);
  const hunks = hunksOf(before ?? "", after ?? "");
  if (hunks.length === 0) return header.join("");
  const [from, to] = [named(before === null ? "/dev/null" : `a/${path}`), named(after === null ? "/dev/null" : `b/${path}`)];
  return [...header, `--- ${from}\n+++ ${to}\n`, ...hunks.map(written)].join("");
}

/** With a blank in the name, the tab tells where it ends. */
function named(path: string): string {
  const quoted = quotedPath(path);
  return quoted === path && path.includes(" ") ? `${path}\t` : quoted;
}

function written({ oldStart, newStart, lines }: Hunk): string {
  const range = (start: number, other: "+" | "-"): string => {
    const count = lines.filter(({ op }) => op !== other).length;
    return count === 1 ? String(start) : `${start},${count}`;
  };
  const body = lines.map(({ op, text }) => (text.endsWith("\n") ? `${op}${text}` : `${op}${text}\n${NO_BREAK}`));
  return `@@ -${range(oldStart, "+")} +${range(newStart, "-")} @@\n${body.join("")}`;
}

/**
 * The files of a diff, each with its hunks. Throws `patch_refused` for whatever is no plain change of text: renames, copies, modes, links, binary
 * patches, and what `git apply` would have to guess at.
 */
export function parseDiff(text: string): readonly FilePatch[] {
  return parsePatches(text);
}

/** What the diff makes of the files as `read` gives them (null: there is none). No fuzz: every line must stand where the diff says. Throws `patch_refused`. */
export function applyDiff(text: string, read: (path: string) => string | null): FileChange[] {
  return parseDiff(text).map((patch) => {
    const before = read(patch.path);
    const after = applied(patch, before);
    return { path: patch.path, before, after, ...(patch.mode !== undefined && { mode: patch.mode }) };
  });
}

function applied({ path, kind, hunks }: FilePatch, before: string | null): string | null {
  if (kind === "new" && before !== null) throw mismatch(path, "is there already: the diff makes it anew");
  if (kind !== "new" && before === null) throw mismatch(path, "is not there");
  const after = patched(path, hunks, linesOf(before ?? ""));
  if (kind !== "deleted") return after;
  if (after !== "") throw mismatch(path, "holds more than the diff deletes");
  return null;
}

function patched(path: string, hunks: readonly Hunk[], old: readonly string[]): string {
  const out: string[] = [];
  let at = 0;
  for (const { oldStart, lines } of hunks) {
    const gone = lines.filter(({ op }) => op !== "+");
    const from = gone.length === 0 ? oldStart : oldStart - 1;
    if (from < at || from > old.length) throw mismatch(path, `has no line ${oldStart}, or an earlier hunk took it`);
    const wrong = gone.findIndex(({ text }, index) => old[from + index] !== text);
    if (wrong >= 0) throw mismatch(path, `line ${from + wrong + 1} is not what the diff expects`);
    for (const line of old.slice(at, from)) out.push(line);
    for (const { op, text } of lines) if (op !== "-") out.push(text);
    at = from + gone.length;
  }
  for (const line of old.slice(at)) out.push(line);
  const open = out.findIndex((line, index) => index < out.length - 1 && !line.endsWith("\n"));
  if (open >= 0) throw mismatch(path, `line ${open + 1} would have no line break but is not the last`);
  return out.join("");
}

function mismatch(path: string, message: string) {
  return patchRefused([{ path, rule: "diff", message }]);
}
