import type { Json, JsonObject } from "../kernel/event.ts";
import { isJsonObject } from "../kernel/event.ts";
import { readTextFile } from "../kernel/read-text.ts";
import { Redactor } from "../supervise/logs/redact.ts";
import type { ServiceConfig } from "./project.ts";

const MAX_SECRETS = 1000;
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_DEPTH = 20;
/** repair.md, "Secrets". */
const SECRET_NAME = /token|secret|pass|pwd|key|credential|dsn/i;
/** They sound like it and say where something is, or how long or large it is. */
const NO_SECRET_NAME = /^(?:OLD)?PWD$|(?:LENGTH|SIZE|BITS|ROUNDS|COUNT|LIMIT|TTL|AGE|TIMEOUT|EXPIR\w*|SECONDS|MINUTES|HOURS|DAYS)$/i;
const PLACE_NAME = /(?:FILE|PATH|DIR|SOCK|SOCKET)$/i;
const NO_SECRET = /^(?:true|false|yes|no|on|off|none|null)?$/i;
/** Up to the first `@`, and up to the last: passwords with an `@` of their own are written too. */
const URL_PASSWORDS = [
  /[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,200}:([^\s/@]{1,500})@/gi,
  /[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,200}:(\S{1,500})@/gi,
];
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\[^])*)"|'([^']*)'|([^\r\n]*))/gm;

type Env = Readonly<Record<string, string | undefined>>;

export interface SecretSources {
  readonly config: Pick<ServiceConfig, "environment" | "build" | "raw">;
  /** `secrets` of the rendered compose file, by name: `{file}` or `{environment}`. */
  readonly declared?: ReadonlyMap<string, JsonObject>;
  /** The operator's `.env`, and other files of `NAME=value` lines; one that cannot be read is passed over. */
  readonly envFiles: readonly string[];
  readonly daemonEnv: Env;
}

/** Every value that must not be seen: of names that sound like it, of declared secrets, and passwords in URLs wherever they are. */
export function secretsIn({ config, declared = new Map(), envFiles, daemonEnv }: SecretSources): string[] {
  const files = envFiles.map((path) => assignments(contentOf(path)));
  const all: readonly Env[] = [config.environment, config.build?.args ?? {}, ...files, daemonEnv];
  const lookUp = (name: string): string | undefined => all.toReversed().find((env) => env[name] !== undefined)?.[name];
  const values = [
    ...[...declared.values()].flatMap((secret) => valueOf(secret, lookUp)),
    ...all.flatMap(named),
    ...stringsIn(config.raw, 0).flatMap(urlPasswords),
  ];
  return [...new Set(values.map((value) => value.trim()))].filter((value) => !NO_SECRET.test(value)).slice(0, MAX_SECRETS);
}

/** Takes them out of text, in base64, base64url, as parts of URLs and of JSON too. Values of fewer than four characters stay: they are everywhere. */
export function masksOf(values: Iterable<string>): Redactor {
  return new Redactor(values);
}

function named(env: Env): string[] {
  return Object.entries(env).flatMap(([name, value = ""]) =>
    isSecret(name, value) ? [value, ...urlPasswords(value)] : urlPasswords(value),
  );
}

function isSecret(name: string, value: string): boolean {
  if (!SECRET_NAME.test(name) || NO_SECRET_NAME.test(name)) return false;
  return !(PLACE_NAME.test(name) && value.startsWith("/"));
}

function valueOf(secret: JsonObject, lookUp: (name: string) => string | undefined): string[] {
  const { file, environment } = secret;
  if (typeof file === "string") return [contentOf(file.replaceAll("$$", "$"))];
  return typeof environment === "string" ? [lookUp(environment) ?? ""] : [];
}

/** As written and as meant. */
function urlPasswords(text: string): string[] {
  if (!text.includes("://")) return [];
  const found = URL_PASSWORDS.flatMap((pattern) => [...text.matchAll(pattern)].map(([, password = ""]) => password));
  return found.flatMap((password) => [password, decoded(password)]);
}

function decoded(password: string): string {
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}

function assignments(text: string): Env {
  const found = [...text.matchAll(ASSIGNMENT)].map(([, name = "", double, single, plain = ""]) => {
    if (double !== undefined) return [name, unescaped(double)] as const;
    return [name, single ?? plain.replace(/\s+#.*$/, "")] as const;
  });
  return Object.fromEntries(found);
}

function unescaped(text: string): string {
  return text.replace(/\\([^])/g, (_, char: string) => ({ n: "\n", r: "\r", t: "\t" })[char] ?? char);
}

/** Of a rendered configuration: `$$` in it is one `$`. */
function stringsIn(value: Json | undefined, depth: number): string[] {
  if (typeof value === "string") return [value.replaceAll("$$", "$")];
  if (depth > MAX_DEPTH || value === null || value === undefined) return [];
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap((one) => stringsIn(one, depth + 1));
  return isJsonObject(value) ? Object.values(value).flatMap((one) => stringsIn(one, depth + 1)) : [];
}

function contentOf(path: string): string {
  try {
    return readTextFile(path, MAX_FILE_BYTES);
  } catch {
    return "";
  }
}
