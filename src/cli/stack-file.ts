import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { OrcoError, errnoOf } from "../kernel/errors.ts";
import { INHERITED } from "../kernel/inherited.ts";
import { readTextFile } from "../kernel/read-text.ts";
import { usageError } from "./exit.ts";

/** More than the daemon takes; checked before reading so that a wrong file does not fill memory. */
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_INCLUDES = 100;
const DEFAULT_NAMES = ["stack.yaml", "stack.yml"];

type Env = Readonly<Record<string, string | undefined>>;

export interface StackFile {
  /** Absolute. */
  readonly path: string;
  readonly source: string;
}

/** The file of `-f`, else `stack.yaml` or `stack.yml` in `cwd`; undefined when there is none to be found by default. */
export function findStackFile(cwd: string, given: string | undefined): string | undefined {
  if (given !== undefined) return resolve(cwd, given);
  return DEFAULT_NAMES.map((name) => resolve(cwd, name)).find((path) => existsSync(path));
}

/** Errors: usage when no file is given or found, `not_found`, `too_large`. */
export function readStackFile(cwd: string, given: string | undefined): StackFile {
  const path = findStackFile(cwd, given);
  if (path === undefined) throw usageError(`no stack.yaml in ${cwd}: name a file with -f FILE, or a running stack with --stack NAME`);
  return { path, source: readText(path) };
}

/** `stack.name` as the daemon will read it. Lenient: a file that does not parse still has the name it shows. */
export function stackNameOf(file: StackFile, env: Env): string {
  const written = parsedName(file.source) ?? shownName(file.source);
  if (written === undefined)
    throw new OrcoError("invalid", `${file.path} has no stack.name`, { next: "see what is wrong with it: orco lint" });
  return fillIn(written, env);
}

/**
 * The variables a daemon needs of the caller to interpolate this file: those whose name occurs anywhere in it or in a file it includes
 * (stack.md, Environment), so that `${A:-${B}}` and comments need no parser here. Everything else of the caller stays with the caller.
 */
export function environmentFor(file: StackFile, env: Env): Record<string, string> {
  const names = new Set(INHERITED);
  for (const text of withIncludes(file)) for (const [name] of text.matchAll(/[A-Za-z_][A-Za-z0-9_]*/g)) names.add(name);
  const sent: Record<string, string> = {};
  for (const name of names) {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined) sent[name] = value;
  }
  return sent;
}

function withIncludes(file: StackFile): string[] {
  const texts: string[] = [];
  const waiting = [file];
  const seen = new Set([file.path]);
  for (let next = waiting.pop(); next !== undefined && seen.size <= MAX_INCLUDES; next = waiting.pop()) {
    texts.push(next.source);
    for (const include of includesOf(next.source)) {
      const path = resolve(dirname(next.path), include);
      if (seen.has(path)) continue;
      seen.add(path);
      const source = includeAt(path);
      if (source !== undefined) waiting.push({ path, source });
    }
  }
  return texts;
}

/** Undefined: the daemon says what is wrong with it, and where it is asked for. */
function includeAt(path: string): string | undefined {
  try {
    return readTextFile(path, MAX_BYTES);
  } catch {
    return undefined;
  }
}

function readText(path: string): string {
  try {
    const found = statSync(path);
    if (found.isDirectory()) throw usageError(`${path} is a folder: name the file in it, -f ${path}/stack.yaml`);
    if (found.size > MAX_BYTES) throw new OrcoError("too_large", `${path} has ${found.size} bytes; a stack file has at most ${MAX_BYTES}`);
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof OrcoError) throw error;
    if (errnoOf(error) === "ENOENT") throw new OrcoError("not_found", `${path} does not exist`);
    throw new OrcoError("invalid", `${path} cannot be read: ${errnoOf(error) ?? "unknown reason"}`);
  }
}

function parsed(source: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = Bun.YAML.parse(source);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // The daemon, or lint, says what is wrong with it.
  }
}

function parsedName(source: string): string | undefined {
  const stack = parsed(source)?.["stack"];
  const name = typeof stack === "object" && stack !== null && "name" in stack ? stack.name : undefined;
  return typeof name === "string" || typeof name === "number" ? String(name) : undefined;
}

function shownName(source: string): string | undefined {
  // Line by line, each in one way: what does not match is given up at once.
  const block = /^stack:[^\n]*\n(?:(?:(?![ \t]+name:)[ \t][^\n]*)?\n)*[ \t]+name:[ \t]*["']?([^"'\s#]+)/m;
  const flow = /^stack:[ \t]*\{[^}\n]*?\bname:[ \t]*["']?([^"'\s#,}]+)/m;
  return (flow.exec(source) ?? block.exec(source))?.[1];
}

function includesOf(source: string): string[] {
  if (!source.includes("includes")) return [];
  const includes = parsed(source)?.["includes"];
  return Array.isArray(includes) ? includes.filter((one) => typeof one === "string") : [];
}

/** `${A}`, `$A` and `${A:-x}` in a name. */
function fillIn(text: string, env: Env): string {
  return text.replace(/\$(?:\{(?<braced>[A-Za-z_]\w*)(?::?-(?<otherwise>[^}]*))?\}|(?<bare>[A-Za-z_]\w*))/g, (...given) => {
    const { braced, otherwise, bare } = given.at(-1) as Partial<Record<string, string>>;
    return env[braced ?? bare ?? ""] || (otherwise ?? "");
  });
}
