import { OrcoError } from "../../kernel/errors.ts";
import { plainLine } from "../../kernel/plain-text.ts";

const MAX_LENGTH = 1024;
export const HEX = /^[0-9a-f]{40}$/;
/** A name, then steps to ancestors: `main~3`, `v1^`, `HEAD~`. */
const FORM = /^(.*?)((?:[~^]\d*)*)$/;

export interface Ref {
  readonly name: string;
  /** `~3`, `^2`, or nothing. */
  readonly steps: string;
}

/** What people may name a commit by: a sha (four digits at least), tag or branch. Throws `unknown_commit` for everything git would read as something else. */
export function parseRef(text: string): Ref {
  if (text === "") throw unknownCommit(text, "no commit was named");
  if (text.length > MAX_LENGTH) throw unknownCommit(text, `it is longer than ${MAX_LENGTH} characters`);
  if (text.startsWith("-")) throw unknownCommit(text, "it begins with -");
  const [, name = "", steps = ""] = FORM.exec(text) ?? [];
  // git-check-ref-format(1), and what would be a range, a path, a search or a reflog.
  const odd = /[\p{Cc}\p{Zs}~^:?*[\]{}\\]|\.\.|\/\/|@\{|^[/.]|\/$|\/\.|\.lock(?:\/|$)|^@$/u.test(name);
  if (name === "" || odd) throw unknownCommit(text, "that is not the name of a commit, tag or branch");
  return { name, steps };
}

export function unknownCommit(ref: string, why: string): OrcoError {
  const shown = plainLine(ref, 100);
  return new OrcoError("unknown_commit", `unknown commit ${JSON.stringify(shown)}: ${why}`, { ref: shown });
}
