import { oneLine, sanitizeText } from "../terminal/sanitize.ts";
import { alignRows } from "../terminal/table.ts";

const MAX_LINES = 200;

/** What is to be approved, for people: `key: value`, lists of like objects as tables, nothing that drives the terminal. */
export function contentText(content: unknown): string {
  const lines = linesOf(content);
  const left = lines.length - MAX_LINES;
  return [...lines.slice(0, MAX_LINES), ...(left > 0 ? [`… and ${left} more lines: see all of it with orco runs <run> --json`] : [])]
    .map((line) => `  ${line}`)
    .join("\n");
}

function linesOf(value: unknown): string[] {
  if (Array.isArray(value)) return listLines(value);
  if (typeof value !== "object" || value === null) return plainLines(value);
  return Object.entries(value).flatMap(([key, one]) => {
    const lines = linesOf(one);
    const name = oneLine(key);
    return lines.length === 1 && isPlain(one) ? [`${name}: ${lines[0]}`] : [`${name}:`, ...lines.map((line) => `  ${line}`)];
  });
}

function listLines(list: readonly unknown[]): string[] {
  if (list.length > 0 && list.every(isFlat))
    return alignRows(padded(list.map((one) => Object.values(one as object).map((cell) => oneLine(String(cell)))))).split("\n");
  return list.flatMap((one) => linesOf(one).map((line, at) => `${at === 0 ? "- " : "  "}${line}`));
}

function padded(rows: readonly string[][]): string[][] {
  const width = Math.max(...rows.map((row) => row.length));
  return rows.map((row) => [...row, ...Array.from({ length: width - row.length }, () => "")]);
}

function isFlat(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isPlain);
}

function isPlain(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function plainLines(value: unknown): string[] {
  return sanitizeText(String(value)).split("\n");
}
