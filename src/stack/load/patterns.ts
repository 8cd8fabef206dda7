import { messageOf } from "../../kernel/errors.ts";
import { linearPattern } from "../../kernel/pattern.ts";

/** Why a pattern is none, or undefined. The same linear-time engine runs it later. */
export function patternProblem(pattern: string): string | undefined {
  try {
    linearPattern(pattern);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
