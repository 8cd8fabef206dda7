import type * as Re2 from "re2js";
import { messageOf } from "../../kernel/errors.ts";

/** Why a pattern is none, or undefined. The same linear-time engine runs it later. */
export function patternProblem(pattern: string): string | undefined {
  // Loaded when the first pattern is met: most stacks have none, and it costs as much as parsing one. `require`, so that the bundler sees it.
  const engine = require("re2js") as typeof Re2;
  try {
    engine.RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return messageOf(error).replace(/^error parsing regexp: /, "");
  }
}
