import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { errnoOf, fileTrouble, OrcoError } from "../../kernel/errors.ts";
import { readTextFile } from "../../kernel/read-text.ts";

const NAMES = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES = ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];
const MAX_ENV_BYTES = 1024 * 1024;

export interface ComposeFiles {
  /** Where relative paths in them begin: that of the first of them. */
  readonly directory: string;
  readonly files: readonly string[];
  /** The operator's `.env`. */
  readonly envFile?: string;
  /** COMPOSE_PROJECT_NAME of it. */
  readonly name?: string;
}

/**
 * The files that compose reads in a folder, as it finds them itself: COMPOSE_FILE of `.env`, else its usual names and the override beside them.
 * `chosen`: the one that is named elsewhere, relative to the folder. All are absolute. Throws `compose_invalid` where there is none.
 */
export function composeFiles(folder: string, chosen?: string): ComposeFiles {
  const env = settingsOf(join(folder, ".env"));
  const files = named(chosen, env).map((file) => resolve(folder, file));
  if (files.length > 0) return about(files.map(there), folder);
  const base = NAMES.find((name) => existsSync(join(folder, name)));
  if (base === undefined)
    throw new OrcoError("compose_invalid", `there is no compose file in ${folder}: add one (${NAMES.join(", ")})`, {
      file: join(folder, NAMES[0] ?? ""),
      missing: true,
    });
  const override = OVERRIDES.find((name) => existsSync(join(folder, name)));
  return about(
    [base, ...(override === undefined ? [] : [override])].map((name) => join(folder, name)),
    folder,
  );
}

function about(files: readonly string[], folder: string): ComposeFiles {
  const directory = dirname(files[0] ?? folder);
  const envFile = [directory, folder].map((at) => join(at, ".env")).find((file) => existsSync(file));
  const name = envFile === undefined ? undefined : settingsOf(envFile).COMPOSE_PROJECT_NAME;
  return { directory, files, ...(envFile !== undefined && { envFile }), ...(name && { name }) };
}

/** compose's rule for a project that nobody has named: the folder's name, without what a name may not hold. */
export function normalName(folder: string): string {
  const name = folder.split("/").at(-1)?.toLowerCase() ?? "";
  return name.replace(/[^a-z0-9_-]/g, "").replace(/^[_-]+/, "");
}

type Setting = "COMPOSE_FILE" | "COMPOSE_PATH_SEPARATOR" | "COMPOSE_PROJECT_NAME";

function named(chosen: string | undefined, env: Readonly<Partial<Record<Setting, string>>>): string[] {
  if (chosen !== undefined) return [chosen];
  return (env.COMPOSE_FILE ?? "").split(env.COMPOSE_PATH_SEPARATOR ?? ":").filter((file) => file !== "");
}

function there(file: string): string {
  if (existsSync(file)) return file;
  throw new OrcoError("compose_invalid", `the compose file ${file} is not there`, { file });
}

/** What compose takes for itself from `.env`. */
function settingsOf(file: string): Partial<Record<Setting, string>> {
  let text: string;
  try {
    text = readTextFile(file, MAX_ENV_BYTES);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return {};
    throw new OrcoError("compose_invalid", `${file} cannot be read: ${fileTrouble(error)}`, { file }, { cause: error });
  }
  const found = text.matchAll(/^[ \t]*(?:export[ \t]+)?(COMPOSE_FILE|COMPOSE_PATH_SEPARATOR|COMPOSE_PROJECT_NAME)[ \t]*=[ \t]*(.*)$/gm);
  return Object.fromEntries([...found].map(([, name = "", value = ""]) => [name, unquoted(value.trim())]));
}

function unquoted(value: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(value);
  return quoted ? (quoted[2] ?? "") : value.replace(/[ \t]#.*$/, "").trim();
}
