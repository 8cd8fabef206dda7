import type { Size } from "./state.ts";

const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";

/**
 * What turns the screen `before` into `after`: only lines that differ are written, each at its own place, in one synchronized update; nothing is
 * cleared first. Without `before` every line is written. Empty when nothing differs.
 */
export function draw(before: readonly string[] | undefined, after: readonly string[], { columns }: Size): string {
  const changed = after.flatMap((line, at) => (before?.[at] === line ? [] : [lineAt(at, line, columns)]));
  return changed.length === 0 ? "" : BEGIN + changed.join("") + END;
}

/** Erasing behind a line that fills its row would take its last character away. */
function lineAt(row: number, line: string, columns: number): string {
  return `\x1b[${row + 1};1H${line}${Bun.stringWidth(line) < columns ? "\x1b[K" : ""}`;
}
