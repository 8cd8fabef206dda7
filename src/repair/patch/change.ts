import { OrcoError } from "../../kernel/errors.ts";

/** What becomes of one file. Text is UTF-8, with the line ends it has. */
export interface FileChange {
  /** Relative to the workspace, with `/`. */
  readonly path: string;
  /** null: there is no such file. */
  readonly before: string | null;
  /** null: the file goes. */
  readonly after: string | null;
  /** Of a new file, e.g. 0o755; a file that is there keeps its own. */
  readonly mode?: number;
}

/** Why a patch is not taken. */
export interface Violation {
  /** "" where it is about the patch as a whole. */
  readonly path: string;
  /** Stable, e.g. `not_allowed`, `blocked`, `path`, `secret`, `size`. */
  readonly rule: string;
  readonly message: string;
}

const SHOWN = 3;

/** `patch_refused` with `errors` as every problem has them (`pointer`, `detail`), each with `path` and `rule` too. */
export function patchRefused(errors: readonly Violation[]): OrcoError {
  const shown = errors.slice(0, SHOWN).map(({ path, message }) => (path === "" ? message : `${JSON.stringify(path)} ${message}`));
  const more = errors.length > SHOWN ? ` (and ${errors.length - SHOWN} more)` : "";
  return new OrcoError("patch_refused", `the patch is refused: ${shown.join("; ")}${more}`, {
    errors: errors.map(({ path, rule, message }) => ({
      pointer: "/plan",
      detail: path === "" ? message : `${path} ${message}`,
      path,
      rule,
    })),
  });
}
