import type { Command } from "./units.ts";

/** A text becomes a shell command. */
export function shellCommand(command: Command): string[] {
  return typeof command === "string" ? ["/bin/sh", "-c", command] : [...command];
}

/** Splits as a shell does without running one: blanks, single and double quotes, backslashes. For commands appended to an entrypoint. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  const piece = /\s+|'([^']*)'?|"((?:\\.|[^"\\])*)"?|\\([\s\S])|[^\s'"\\]+|\\/gy;
  let word: string | undefined;
  for (const [whole, single, double, escaped] of text.matchAll(piece)) {
    if (/^\s/.test(whole)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? whole);
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** The quote that a text opens and never closes, or undefined. */
export function openQuote(text: string): "'" | '"' | undefined {
  const rest = text.replace(/\\[\s\S]|'[^']*'|"(?:\\[\s\S]|[^"\\])*"/g, "");
  return /["']/.exec(rest)?.[0] as "'" | '"' | undefined;
}
