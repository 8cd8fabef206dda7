import { messageOf } from "../kernel/errors.ts";
import { linearPattern } from "../kernel/pattern.ts";

/** What of the log pane is shown. The pattern runs on a linear-time engine: no line can hang the terminal, which has no Ctrl-C of its own here. */
export interface Filter {
  readonly pattern: string;
  matches(text: string): boolean;
}

export type Level = "all" | "info" | "warn" | "error";

const CYCLE: Readonly<Record<Level, Level>> = { all: "info", info: "warn", warn: "error", error: "all" };
const RANKS: Readonly<Record<string, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, fatal: 5 };
const LEAST: Readonly<Record<Level, number>> = { all: 0, info: 2, warn: 3, error: 4 };

/** Undefined for an empty pattern, which matches everything. */
export function compileFilter(pattern: string): { readonly filter: Filter | undefined } | { readonly error: string } {
  if (pattern === "") return { filter: undefined };
  try {
    const compiled = linearPattern(pattern);
    return { filter: { pattern, matches: (text) => compiled.matcher(text).find() } };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

export function nextLevel(level: Level): Level {
  return CYCLE[level];
}

/** A line without a level counts as info. */
export function reaches(level: string | undefined, threshold: Level): boolean {
  return (RANKS[level ?? "info"] ?? 2) >= LEAST[threshold];
}
