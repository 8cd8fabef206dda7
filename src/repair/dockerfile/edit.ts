import type { Instruction } from "./parse.ts";

/** Lines with their ends, so that joining them gives the same bytes. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function endOf(text: string): string {
  return /\r\n/.test(text) ? "\r\n" : "\n";
}

/** New lines in front of a line (from 1); every other byte stays. `lines` have no ends of their own. */
export function insertBefore(text: string, line: number, lines: readonly string[]): string {
  if (lines.length === 0) return text;
  const end = endOf(text);
  const all = linesOf(text);
  const front = all.slice(0, line - 1);
  const rest = all.slice(line - 1);
  if (rest.length > 0) return [...front, ...lines.map((one) => one + end), ...rest].join("");
  const last = front.at(-1);
  const open = last !== undefined && !last.endsWith("\n");
  return open ? text + lines.map((one) => end + one).join("") : text + lines.map((one) => one + end).join("");
}

/** New lines behind a line (from 1). */
export function insertAfter(text: string, line: number, lines: readonly string[]): string {
  return insertBefore(text, line + 1, lines);
}

/** The first place of `from` in the instruction that is no comment; the text as it was where there is none. */
export function replaceIn(
  text: string,
  instruction: Pick<Instruction, "fromLine" | "toLine">,
  [from, to]: readonly [string | RegExp, string],
): string {
  const all = linesOf(text);
  const front = all.slice(0, instruction.fromLine - 1).join("");
  const inside = all.slice(instruction.fromLine - 1, instruction.toLine).join("");
  const found = placeOf(inside, from);
  if (!found) return text;
  const back = all.slice(instruction.toLine).join("");
  return front + inside.slice(0, found.at) + to + inside.slice(found.at + found.length) + back;
}

/** `--chmod=755` behind the keyword; one of the same name gets the new value. */
export function addFlag(text: string, instruction: Instruction, flag: string): string {
  const [name = flag] = flag.split("=");
  const same = instruction.flags.find((one) => one === name || one.startsWith(`${name}=`));
  if (same !== undefined) return replaceIn(text, instruction, [same, flag]);
  return replaceIn(text, instruction, [/(?<=^\s*\w+)(?=\s)/, ` ${flag}`]);
}

/** `words` and a blank in front of the first place of `before`; nothing where they stand there already. */
export function addWords(
  text: string,
  instruction: Instruction,
  { words, before }: { readonly words: string; readonly before: RegExp },
): string {
  if (instruction.text.includes(words)) return text;
  return replaceIn(text, instruction, [new RegExp(`(?=${before.source})`, before.flags), `${words} `]);
}

function placeOf(inside: string, wanted: string | RegExp): { readonly at: number; readonly length: number } | undefined {
  const pattern =
    typeof wanted === "string"
      ? new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "g")
      : new RegExp(wanted.source, [...new Set(`${wanted.flags}g`)].join(""));
  for (const match of inside.matchAll(pattern)) {
    const line = inside.slice(inside.lastIndexOf("\n", match.index - 1) + 1);
    if (!/^\s*#/.test(line)) return { at: match.index, length: match[0].length };
  }
  return undefined;
}
