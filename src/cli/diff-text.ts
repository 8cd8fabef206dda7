import { sanitizeText } from "../terminal/sanitize.ts";

const COLORS: readonly (readonly [start: RegExp, sgr: number])[] = [
  [/^(?:diff --git |index |--- |\+\+\+ |(?:new|deleted) file |old mode |new mode |similarity |rename )/, 1],
  [/^@@/, 36],
  [/^\+/, 32],
  [/^-/, 31],
];

/** A unified diff for people; in colour as git shows it. Nothing in it drives a terminal. */
export function diffText(diff: string, { color }: { readonly color: boolean }): string {
  const lines = sanitizeText(diff).replace(/\n$/, "").split("\n");
  return (color ? lines.map(colored) : lines).join("\n");
}

function colored(line: string): string {
  const [, sgr] = COLORS.find(([start]) => start.test(line)) ?? [];
  return sgr === undefined ? line : `\x1b[${sgr}m${line}\x1b[0m`;
}
