import type { Instruction } from "../dockerfile/parse.ts";
import { splice } from "./lines.ts";

/** A word of a shell command, without quotes, with its place in the Dockerfile (UTF-16 units, quotes included). */
export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** One simple command of a RUN, between `&&`, `;`, `|` and the like. */
export interface Command {
  readonly words: readonly Word[];
  /** `RUN ["pip", "install", "flask"]`. */
  readonly exec: boolean;
}

/** Past this nobody wrote it by hand. */
const MAX_WORDS = 2000;
/** In order: continuations and spaces, comments on lines of their own, operators, words. Every alternative takes at least one character. */
const TOKEN = /(\s+|\\[ \t]*\r?\n)|(#[^\n]*\n?)|(&&|\|\||[;|&<>()]+)|((?:"(?:[^"\\]|\\[^])*"|'[^']*'|\\[^\r\n]|[^\s"'\\;|&<>()])+)|([^])/g;

/** The commands of a RUN; a heredoc's too. */
export function commandsOf(text: string, { keyword, flags, fromLine, toLine }: Instruction): readonly Command[] {
  if (keyword !== "RUN") return [];
  const start = offsetOfLine(text, fromLine);
  const end = offsetOfLine(text, toLine + 1);
  const commands: Word[][] = [[]];
  let count = 0;
  let lineStart = start;
  for (const token of text.slice(start, end).matchAll(TOKEN)) {
    const at = start + token.index;
    const [whole, , comment, operator, word] = token;
    const onOwnLine = text.slice(lineStart, at).trim() === "";
    if (whole.includes("\n")) lineStart = at + whole.lastIndexOf("\n") + 1;
    // A comment between two lines of a command does not end it.
    if (comment ? !onOwnLine : whole.includes("\n") && !word && !whole.startsWith("\\")) commands.push([]);
    if (operator) commands.push([]);
    if (word && ++count <= MAX_WORDS) commands.at(-1)?.push({ text: unquoted(word), start: at, end: at + word.length });
  }
  const [first = [], ...rest] = commands;
  const plain = [first.slice(1 + flags.length), ...rest].filter((words) => words.length > 0).map((words) => ({ words, exec: false }));
  return execOf(text, plain) ?? plain;
}

/** The command with words more at its end. */
export function withWords(text: string, { words, exec }: Command, more: readonly string[]): string {
  const last = words.at(-1);
  if (!last) return text;
  const added = more.map((word) => (exec ? `, ${JSON.stringify(word)}` : ` ${quoted(word)}`)).join("");
  return splice(text, { start: last.end, end: last.end }, added);
}

/** Where a line begins; the end of the text for one past the last. */
function offsetOfLine(text: string, line: number): number {
  let at = 0;
  for (let number = 1; number < line; number++) {
    const next = text.indexOf("\n", at);
    if (next === -1) return text.length;
    at = next + 1;
  }
  return at;
}

/** Double quotes where the shell would read it otherwise. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./^-][\w@%+=:,./^~-]*$/.test(word) ? word : `"${word}"`;
}

function execOf(text: string, [only, ...others]: readonly Command[]): readonly Command[] | undefined {
  if (!only?.words[0]?.text.startsWith("[") || others.length > 0) return undefined;
  const from = only.words[0].start;
  const words = [...text.slice(from, only.words.at(-1)?.end).matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((found) => ({
    text: found[1] ?? "",
    start: from + found.index,
    end: from + found.index + found[0].length,
  }));
  return [{ words, exec: true }];
}

function unquoted(word: string): string {
  return word.replace(
    /"((?:[^"\\]|\\[^])*)"|'([^']*)'|\\([^])/g,
    (_, double?: string, single?: string, one?: string) => double ?? single ?? one ?? "",
  );
}
