import type { Diagnostic } from "./errors.ts";

/** Longest part of a source line that is shown; a longer one is cut around the column. */
const SHOWN_COLUMNS = 120;
const RED = "\x1b[31m";
const YELLOW = "\x1b[33m";
const DIM = "\x1b[2m";
const BOLD = "\x1b[1m";
const RESET = "\x1b[0m";

/**
 * A finding as people read it: `file:line:column: error: message`, the line with a caret under the column, the hint.
 * The source is somebody's file: control characters in it never reach the terminal.
 */
export function formatDiagnostic(found: Diagnostic, options: { color?: boolean } = {}): string {
  const paint = (code: string, text: string): string => (options.color ? `${code}${text}${RESET}` : text);
  const tint = found.severity === "warning" ? YELLOW : RED;
  const where = printable(`${found.file}:${found.line}:${found.column}:`);
  const lines = [`${paint(BOLD, where)} ${paint(tint, `${found.severity}:`)} ${printable(found.message)}`];
  if (found.source !== undefined) {
    const { text, caret } = excerpt(found.source, found.column);
    const number = String(found.line);
    lines.push(`${paint(DIM, `  ${number} |`)} ${text}`);
    lines.push(`${paint(DIM, `  ${" ".repeat(number.length)} |`)} ${" ".repeat(caret)}${paint(tint, "^")}`);
  }
  if (found.hint !== undefined) lines.push(`  ${paint(BOLD, "hint:")} ${printable(found.hint)}`);
  return lines.join("\n");
}

/** All findings, a blank line between; then how many there were, when there was more than one. */
export function formatDiagnostics(found: readonly Diagnostic[], options: { color?: boolean } = {}): string {
  const blocks = found.map((one) => formatDiagnostic(one, options));
  if (found.length > 1) blocks.push(countOf(found));
  return blocks.join("\n\n");
}

function countOf(found: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic["severity"]): number => found.filter((one) => one.severity === severity).length;
  const [errors, unsupported, warnings] = [count("error"), count("unsupported"), count("warning")];
  const parts = [];
  if (errors > 0) parts.push(errors === 1 ? "1 error" : `${errors} errors`);
  if (unsupported > 0) parts.push(`${unsupported} unsupported`);
  if (warnings > 0) parts.push(warnings === 1 ? "1 warning" : `${warnings} warnings`);
  return parts.join(", ");
}

/** The piece of `source` around `column` and the terminal column of the caret in it. */
function excerpt(source: string, column: number): { text: string; caret: number } {
  const at = Math.min(Math.max(0, column - 1), source.length);
  if (source.length <= SHOWN_COLUMNS) return placed(source, at, "");
  const from = Math.max(0, Math.min(at - SHOWN_COLUMNS / 2, source.length - SHOWN_COLUMNS));
  return placed(source.slice(from, from + SHOWN_COLUMNS), at - from, from > 0 ? "…" : "");
}

function placed(source: string, at: number, before: string): { text: string; caret: number } {
  return { text: (before + printable(source)).trimEnd(), caret: Bun.stringWidth(before + printable(source.slice(0, at))) };
}

/** Same length, one column each: a tab or a control character becomes a space. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
}
