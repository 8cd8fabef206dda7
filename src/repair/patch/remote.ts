import { OrcoError } from "../../kernel/errors.ts";
import { plainLine } from "../../kernel/plain-text.ts";

/** Where a branch is pushed to. */
export interface Remote {
  readonly name: string;
  /** The only protocol git may speak to reach it. */
  readonly protocol: "file" | "https" | "http" | "ssh";
  /** Of http(s): where the token may go; nowhere else. */
  readonly scope?: string;
  /** `owner/name`, as far as the URL tells. */
  readonly repo?: string;
}

/** As git-check-ref-format(1) has it, and nothing that could be an option. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;
const SCP_FORM = /^(?:[\w.-]+@)?[\w.-]+:(?!\/\/)(?!:)([^\\]+)$/;

export function checkedRemoteName(name: string): string {
  if (NAME.test(name) && !name.includes("..")) return name;
  throw new OrcoError("invalid", `${JSON.stringify(plainLine(name, 50))} is no name of a remote`, {});
}

/** Throws `invalid` for what git would run a program for, what is not encrypted, and for a URL with a password in it: git shows it to everybody. */
export function remoteOf(name: string, url: string): Remote {
  if (url.startsWith("/")) return { name, protocol: "file" };
  const parsed = /^[a-z]+:\/\//.test(url) ? URL.parse(url) : null;
  if (!parsed) {
    const path = SCP_FORM.exec(url)?.[1];
    if (path === undefined || url.startsWith("-")) throw refused(name, "is neither an absolute path nor a URL of https:// or ssh://");
    return { name, protocol: "ssh", ...repoOf(path) };
  }
  if (parsed.password !== "") throw refused(name, "has a password in its URL: take it out and set GITHUB_TOKEN");
  const { protocol, hostname, origin, pathname } = parsed;
  if (protocol === "file:") return { name, protocol: "file" };
  if (protocol === "ssh:") return { name, protocol: "ssh", ...repoOf(pathname) };
  if (protocol === "https:") return { name, protocol: "https", scope: origin, ...repoOf(pathname) };
  if (protocol === "http:" && isLoopback(hostname)) return { name, protocol: "http", scope: origin, ...repoOf(pathname) };
  throw refused(name, "has a URL that is not encrypted, or of a protocol that is not supported: use https:// or ssh://");
}

function repoOf(path: string): { repo?: string } {
  const repo = /^\/?([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(path)?.[1];
  return repo === undefined ? {} : { repo };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(?:\.\d+){3}$/.test(host);
}

function refused(name: string, why: string): OrcoError {
  return new OrcoError("invalid", `the remote ${name} ${why}`, { remote: name });
}
