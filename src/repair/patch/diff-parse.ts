import { patchRefused } from "./change.ts";
import type { Hunk, HunkLine } from "./diff-lines.ts";
import { unquotedPath } from "./git-path.ts";

/** What a policy could ever allow is far less. */
const MAX_FILES = 1000;
const HUNK = /^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(?: |$)/;
const INDEX = /^index [0-9a-f]{4,64}\.\.[0-9a-f]{4,64}(?: (\d{6}))?$/;

/** A file of a diff. */
export interface FilePatch {
  readonly path: string;
  readonly kind: "new" | "deleted" | "changed";
  /** Of a new file. */
  readonly mode?: number;
  readonly hunks: readonly Hunk[];
}

export function parsePatches(text: string): FilePatch[] {
  const reader = new Reader(text);
  const patches: FilePatch[] = [];
  const seen = new Set<string>();
  while (!reader.done) {
    const patch = readFile(reader);
    if (seen.has(patch.path)) throw reader.refused(`a second patch of ${JSON.stringify(patch.path)}`);
    seen.add(patch.path);
    if (seen.size > MAX_FILES) throw reader.refused(`more than ${MAX_FILES} files`);
    patches.push(patch);
  }
  return patches;
}

class Reader {
  private readonly lines: readonly string[];
  private at = 0;

  constructor(text: string) {
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    this.lines = lines;
  }

  get done(): boolean {
    return this.at >= this.lines.length;
  }

  get line(): string | undefined {
    return this.lines[this.at];
  }

  take(): string {
    return this.lines[this.at++] ?? "";
  }

  refused(why: string) {
    return patchRefused([{ path: "", rule: "diff", message: `line ${Math.min(this.at + 1, this.lines.length)} of the diff: ${why}` }]);
  }
}

interface Header {
  readonly path?: string;
  readonly kind: FilePatch["kind"];
  readonly mode?: number;
}

function readFile(reader: Reader): FilePatch {
  const header = reader.line?.startsWith("diff --git ") ? readHeader(reader) : { kind: "changed" as const };
  const names = reader.line?.startsWith("--- ") ? readNames(reader) : undefined;
  if (header.path === undefined && !names) throw reader.refused("expected `diff --git a/… b/…` or `--- a/…`");
  const path = header.path ?? names?.path ?? "";
  const kind = header.kind === "changed" ? (names?.kind ?? "changed") : header.kind;
  if (names && (names.path !== path || names.kind !== kind)) throw reader.refused("the names of the file differ");
  const hunks = names ? readHunks(reader) : [];
  if (names && hunks.length === 0) throw reader.refused("expected `@@ -… +… @@`");
  if (!names && kind === "changed") throw reader.refused("the file has no changes, or they are of no text");
  return { path, kind, hunks, ...(header.mode !== undefined && { mode: header.mode }) };
}

function readHeader(reader: Reader): Header {
  const path = twiceNamed(reader);
  let header: Header = { path, kind: "changed" };
  for (;;) {
    const line = reader.line ?? "";
    const [, what, mode] = /^(new|deleted) file mode (\d{6})$/.exec(line) ?? [];
    if (what !== undefined) {
      if (header.kind !== "changed") throw reader.refused("a second mode");
      header = what === "new" ? { path, kind: "new", mode: modeOf(reader, mode) } : { path, kind: "deleted" };
    } else if (INDEX.test(line)) {
      const mode = INDEX.exec(line)?.[1];
      if (mode !== undefined) modeOf(reader, mode);
    } else if (/^(?:old mode|new mode) /.test(line)) throw reader.refused("modes of files are not changed");
    else if (/^(?:rename|copy|similarity|dissimilarity) /.test(line))
      throw reader.refused("a rename or a copy: write a deletion and a new file");
    else if (/^(?:GIT binary patch|Binary files )/.test(line)) throw reader.refused("binary files are not patched");
    else return header;
    reader.take();
  }
}

function modeOf(reader: Reader, mode: string | undefined): number {
  if (mode === "100644" || mode === "100755") return Number.parseInt(mode.slice(3), 8);
  throw reader.refused(mode === "120000" ? "symbolic links are not patched" : `a file of mode ${mode} is not patched`);
}

/** `a/x b/x`: without quotes, both halves are the same but for their first letter. */
function twiceNamed(reader: Reader): string {
  const text = (reader.line ?? "").slice("diff --git ".length);
  const first = unquotedPath(text);
  const half = (text.length - 1) / 2;
  const names = first ? [first.path, unquotedPath(first.rest.slice(1))?.path] : [text.slice(0, half), text.slice(half + 1)];
  const [from, to] = [stripped(names[0], "a/"), stripped(names[1], "b/")];
  if (from === undefined || to === undefined || from !== to)
    throw reader.refused("expected `diff --git a/<path> b/<path>` with the same path twice");
  reader.take();
  return from;
}

function readNames(reader: Reader): { readonly path: string; readonly kind: FilePatch["kind"] } {
  const from = nameOf(reader.take().slice(4));
  if (!reader.line?.startsWith("+++ ")) throw reader.refused("expected `+++ b/…`");
  const to = nameOf(reader.line.slice(4));
  const [before, after] = [stripped(from, "a/"), stripped(to, "b/")];
  const gone = to === "/dev/null";
  const path = from === "/dev/null" ? after : before;
  if (path === undefined || (from !== "/dev/null" && !gone && after !== path))
    throw reader.refused("expected `--- a/<path>` and `+++ b/<path>` with the same path");
  reader.take();
  return { path, kind: from === "/dev/null" ? "new" : gone ? "deleted" : "changed" };
}

/** What stands after a tab is a time, or nothing. */
function nameOf(text: string): string {
  return unquotedPath(text)?.path ?? text.replace(/\t.*$/, "");
}

function stripped(name: string | undefined, prefix: string): string | undefined {
  return name?.startsWith(prefix) ? name.slice(prefix.length) : undefined;
}

function readHunks(reader: Reader): Hunk[] {
  const hunks: Hunk[] = [];
  for (;;) {
    const [whole, oldStart, oldCount = "1", newStart, newCount = "1"] = HUNK.exec(reader.line ?? "") ?? [];
    if (whole === undefined) return hunks;
    reader.take();
    const lines = readLines(reader, { old: Number(oldCount), young: Number(newCount) });
    hunks.push({ oldStart: Number(oldStart), newStart: Number(newStart), lines });
  }
}

function readLines(reader: Reader, left: { old: number; young: number }): HunkLine[] {
  const lines: HunkLine[] = [];
  while (left.old > 0 || left.young > 0) {
    // Some editors take the blank of an empty line away; git does not mind.
    const line = reader.line === "" ? " " : (reader.line ?? "");
    const op = line[0];
    if (op !== " " && op !== "-" && op !== "+") throw reader.refused("the hunk is shorter than its header says");
    if (op !== "+") left.old--;
    if (op !== "-") left.young--;
    if (left.old < 0 || left.young < 0) throw reader.refused("the hunk is longer than its header says");
    reader.take();
    lines.push({ op, text: endOf(reader, line.slice(1)) });
  }
  return lines;
}

/** `\ No newline at end of file`, in whatever language. */
function endOf(reader: Reader, text: string): string {
  if (!reader.line?.startsWith("\\ ")) return `${text}\n`;
  reader.take();
  return text;
}
