import { posix } from "node:path";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import { PathPattern } from "./path-pattern.ts";

interface Rule {
  readonly keeps: boolean;
  readonly path: string;
  readonly pattern: PathPattern;
}

/**
 * The rules of a .dockerignore, which are not those of a .gitignore: a pattern begins at the root of the context, the last that matches a path or one of
 * its folders decides, and what lies in a folder that is left out can be let in again. Source: Dockerfile reference, ".dockerignore file".
 */
export class Dockerignore {
  private readonly rules: readonly Rule[];

  /** Throws `invalid` for a pattern that is none. */
  constructor(text: string) {
    this.rules = text
      .replace(/^\uFEFF/, "")
      .split("\n")
      .flatMap((line, at) => ruleOf(line, at + 1) ?? []);
  }

  /** Is the path, relative to the context, left out? */
  leavesOut(path: string): boolean {
    return this.rules.findLast(({ pattern }) => pattern.covers(path))?.keeps === false;
  }

  /** May something below a folder that is left out be let in again? */
  keepsBelow(folder: string): boolean {
    return this.rules.some(({ keeps, path }) => keeps && `${path}/`.startsWith(`${folder}/`));
  }
}

function ruleOf(line: string, number: number): Rule | undefined {
  const text = line.trim();
  if (text === "" || line.startsWith("#")) return undefined;
  const keeps = text.startsWith("!");
  const path = posix
    .normalize((keeps ? text.slice(1) : text).trim())
    .replace(/^\/+/, "")
    .replace(/\/$/, "");
  if (path === "." || path === "") return undefined;
  try {
    return { keeps, path, pattern: new PathPattern(path) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new OrcoError("invalid", `.dockerignore line ${number}: ${text}: ${messageOf(error)}`, { line: number }, { cause: error });
  }
}
