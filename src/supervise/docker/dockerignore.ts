import { posix } from "node:path";
import { OrcoError } from "../../kernel/errors.ts";

interface Rule {
  readonly keeps: boolean;
  readonly path: string;
  readonly pattern: RegExp;
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
    const folders = path.split("/").map((_, at, parts) => parts.slice(0, at + 1).join("/"));
    return this.rules.reduce(
      (out, { keeps, pattern }) => (out === keeps && folders.some((folder) => pattern.test(folder)) ? !keeps : out),
      false,
    );
  }

  /** May something below a folder that is left out be let in again? */
  keepsBelow(folder: string): boolean {
    return this.rules.some(({ keeps, path }) => keeps && `${path}/`.startsWith(`${folder}/`));
  }
}

function ruleOf(line: string, number: number): Rule | undefined {
  if (line.startsWith("#")) return undefined;
  const text = line.trim();
  if (text === "") return undefined;
  const keeps = text.startsWith("!");
  const path = posix
    .normalize((keeps ? text.slice(1) : text).trim())
    .replace(/^\/+/, "")
    .replace(/\/$/, "");
  if (path === "." || path === "") return undefined;
  return { keeps, path, pattern: patternOf(path, number) };
}

/** `*` and `?` stay within a part of the path, `**` goes through any number of them. */
function patternOf(path: string, line: number): RegExp {
  let source = "";
  for (let at = 0; at < path.length; at++) {
    const char = path[at] ?? "";
    if (path.startsWith("**", at)) {
      while (path[at + 1] === "*") at++;
      if (path[at + 1] === "/") at++;
      source += at === path.length - 1 ? ".*" : "(?:.*/)?";
    } else if (char === "*") source += "[^/]*";
    else if (char === "?") source += "[^/]";
    else if (char === "[") {
      const end = path.indexOf("]", at + 2);
      source += end < 0 ? "\\[" : path.slice(at, end + 1).replaceAll("\\", "\\\\");
      if (end >= 0) at = end;
    } else if (char === "\\" && at + 1 < path.length) source += escaped(path[++at] ?? "");
    else source += escaped(char);
  }
  try {
    return new RegExp(`^${source}$`, "s");
  } catch (error) {
    throw new OrcoError("invalid", `.dockerignore line ${line}: ${path} is no pattern`, { line }, { cause: error });
  }
}

function escaped(char: string): string {
  return /[\^$.|()+{}[\]\\*?]/.test(char) ? `\\${char}` : char;
}
