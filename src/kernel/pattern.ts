import type * as Re2 from "re2js";

export type Pattern = Re2.RE2JS;

/** What was complained of is lookahead, lookbehind, an atomic group or a backreference. */
const NEVER_LINEAR = /`(?:\(\?(?:[=!>]|<[=!]|P`)|\\[1-9k])/;

/** Compiles for an engine that takes linear time whatever the text. Errors: SyntaxError with what is wrong with a pattern that is none. */
export function linearPattern(pattern: string): Pattern {
  // Loaded when the first pattern is met: most stacks have none, and it is a quarter of a megabyte of source. `require`, so that the bundler sees it.
  const { RE2JS, RE2JSSyntaxException } = require("re2js") as typeof Re2;
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    const said = error.message.replace(/^error parsing regexp: /, "");
    const why = NEVER_LINEAR.test(said) ? " (lookaround and backreferences are not supported: patterns run in linear time)" : "";
    throw new SyntaxError(said + why, { cause: error });
  }
}
