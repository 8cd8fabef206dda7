import type * as Re2 from "re2js";

export type Pattern = Re2.RE2JS;

/** Compiles for an engine that takes linear time whatever the text. Throws what the engine says of a pattern that is none. */
export function linearPattern(pattern: string): Pattern {
  // Loaded when the first pattern is met: most stacks have none, and it is a quarter of a megabyte of source. `require`, so that the bundler sees it.
  return (require("re2js") as typeof Re2).RE2JS.compile(pattern);
}
