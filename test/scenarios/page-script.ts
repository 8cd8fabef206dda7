import { writeFileSync } from "node:fs";

/** A fenced block of a markdown page. */
export interface Block {
  /** What stands behind the fence: `sh`, `json`. */
  readonly language: string;
  /** Why nobody executes it: `sh skip="…"`. */
  readonly skip?: string;
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** The heading it stands below. */
  readonly heading: string;
}

const FENCE = /^```(\S*)(?: skip="(.*)")?$/;

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { about: Omit<Block, "text">; lines: string[] } | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    const [fence, language = "", skip] = FENCE.exec(line) ?? [];
    if (open && fence !== undefined) {
      blocks.push({ ...open.about, text: open.lines.join("\n") });
      open = undefined;
    } else if (open) open.lines.push(line);
    else if (fence !== undefined) open = { about: { language, ...(skip !== undefined && { skip }), line: index + 1, heading }, lines: [] };
    else if (line.startsWith("#")) heading = line.replace(/^#+ /, "");
  }
  return blocks;
}

/** What each block has printed, as far as the script came. */
export interface Ran {
  readonly code: number;
  readonly printed: readonly string[];
  readonly err: string;
}

const MARK = "\u001E";

/** What a page starts in the background goes when its script ends, also where it fails half way. */
const TIDY = "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n";

/** All blocks as one script, as somebody would who copies them into a shell one after the other: `sh -eu`. */
export async function runBlocks(
  blocks: readonly Block[],
  { script, cwd, env }: { script: string; cwd: string; env: Record<string, string> },
): Promise<Ran> {
  writeFileSync(script, TIDY + blocks.map(({ text }) => `printf '\\036'\n${text}\n`).join(""));
  const child = Bun.spawn(["sh", "-eu", script], { cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { code, printed: out.split(MARK).slice(1), err };
}

/** Which values a JSON text has where, without the values themselves: what stays the same when an example is executed again. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, shapeOf(inner)]);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
