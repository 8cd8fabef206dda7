import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { OrcoError } from "../kernel/errors.ts";
import { usageError } from "./exit.ts";

/** `https://…`, `ssh://…`, or scp's `user@host:path`. */
const URL_FORM = /^(?:[a-z][a-z0-9+.-]*:\/\/|[\w.-]+@[\w.-]+:)/i;

/** The URL, or the absolute path of the repository, that `--repo` names. Errors: usage when a path leads to no repository. */
export function repoMeant(given: string, cwd: string): string {
  if (URL_FORM.test(given)) return given;
  if (given === "") throw usageError("--repo takes the path or URL of a git repository, not an empty text");
  const path = resolve(cwd, given);
  if (!existsSync(path)) throw usageError(`there is nothing at ${path}; --repo takes the path or URL of a git repository`);
  if (!isRepository(path)) throw noRepository(path);
  return path;
}

/** With a worktree, or bare. */
function isRepository(path: string): boolean {
  return existsSync(join(path, ".git")) || (existsSync(join(path, "HEAD")) && existsSync(join(path, "objects")));
}

function noRepository(path: string): OrcoError {
  for (let at = dirname(path); at !== dirname(at); at = dirname(at))
    if (isRepository(at)) return usageError(`${path} lies within the git repository ${at}; an app is a whole repository: --repo ${at}`);
  return usageError(`${path} is not a git repository; make it one (git init, git add, git commit), or name another`);
}
