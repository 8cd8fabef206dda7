import { isIP } from "node:net";
import { OrcoError } from "../../kernel/errors.ts";
import { plainLine } from "../../kernel/plain-text.ts";

const MAX_LENGTH = 4096;
/** `git@example.org:team/app.git` */
const SCP_FORM = /^(?:([\w.-]+)@)?([\w.-]+):(?!\/\/)([^\\]+)$/;

export interface RemoteUrl {
  /** The only protocol that git may speak to reach it, redirects included. */
  readonly protocol: "file" | "https" | "http" | "ssh";
  /** For git: without user and password where those are secret. */
  readonly url: string;
  /** For people: the same, and never a secret. */
  readonly shown: string;
  /** Of a repository on this machine: its absolute path. */
  readonly path?: string;
  /** Only ever sent to `scope`: scheme, host and port. */
  readonly credential?: { readonly scope: string; readonly user: string; readonly password: string };
}

/**
 * Where a repository is: an absolute path, file://, https://, ssh://, user@host:path; http:// on this machine only. Throws `invalid` for everything
 * else: git's transport helpers (`ext::`) would run commands, other protocols have no integrity.
 */
export function parseRemoteUrl(text: string): RemoteUrl {
  if (text === "") throw refuse("", "is empty");
  if (text.length > MAX_LENGTH) throw refuse("", `is longer than ${MAX_LENGTH} characters`);
  if (/[\p{Cc}\s]/u.test(text.startsWith("/") ? text.replaceAll(" ", "") : text)) throw refuse("", "holds a control character or a blank");
  if (text.startsWith("-")) throw refuse(text, "begins with -: git would take it for an option");
  if (/^[A-Za-z0-9+.-]*::/.test(text)) throw refuse(text, "names a transport helper of git, which could run any command");
  if (text.startsWith("/")) return onThisMachine(text);
  const url = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) ? URL.parse(text) : undefined;
  if (url) return overNetwork(url, text);
  const scp = url === null ? null : SCP_FORM.exec(text);
  if (scp) return overSsh({ user: scp[1] ?? "", host: scp[2] ?? "", rest: scp[3] ?? "" }, text);
  throw refuse(
    url === null ? "" : text,
    "is neither an absolute path nor a URL such as https://host/team/app.git or git@host:team/app.git",
  );
}

function onThisMachine(path: string): RemoteUrl {
  return { protocol: "file", url: path, shown: plainLine(path), path };
}

function overNetwork(url: URL, text: string): RemoteUrl {
  switch (url.protocol) {
    case "file:":
      if (url.host !== "" || url.search !== "" || url.hash !== "")
        throw refuse("", "file:// takes an absolute path and nothing else: file:///srv/app.git");
      return onThisMachine(decoded(url.pathname));
    case "http:":
      if (!isLoopback(url.hostname)) throw refuse("", "http:// is not encrypted; use https:// or ssh:// (http:// is for 127.0.0.1 only)");
      return overHttp(url, "http");
    case "https:":
      return overHttp(url, "https");
    case "ssh:": {
      if (url.password !== "" || url.search !== "" || url.hash !== "") throw refuse("", "ssh:// takes no password: give the daemon a key");
      return overSsh({ user: url.username, host: url.hostname, rest: url.pathname }, text);
    }
    default:
      throw refuse("", `${url.protocol}// is not supported; use https://, ssh:// or a path`);
  }
}

function overHttp(url: URL, protocol: "http" | "https"): RemoteUrl {
  if (url.search !== "" || url.hash !== "")
    throw refuse("", "has a query or a fragment, which git cannot use; give credentials as https://user:token@host/…");
  const scope = url.origin;
  const clean = `${scope}${url.pathname}`;
  if (url.username === "" && url.password === "") return { protocol, url: clean, shown: clean };
  const [user, password] = [decoded(url.username), decoded(url.password)];
  return { protocol, url: clean, shown: clean, credential: { scope, user, password } };
}

/** The user of ssh is no secret: it is `git` nearly everywhere. */
function overSsh({ user, host, rest }: { user: string; host: string; rest: string }, text: string): RemoteUrl {
  if (host === "" || host.startsWith("-") || user.startsWith("-") || rest.startsWith("-") || rest.startsWith("/-"))
    throw refuse("", "has a user, host or path that begins with -");
  return { protocol: "ssh", url: text, shown: plainLine(text) };
}

function decoded(part: string): string {
  let text: string;
  try {
    text = decodeURIComponent(part);
  } catch {
    throw refuse("", "has a % that encodes nothing");
  }
  if (/\p{Cc}/u.test(text)) throw refuse("", "holds a control character");
  return text;
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}

/** What may hold a password is not repeated. */
function refuse(text: string, why: string): OrcoError {
  const named = text === "" || text.includes("@") ? "the repository's URL" : `the repository ${JSON.stringify(plainLine(text, 200))}`;
  return new OrcoError("invalid", `${named} ${why}`, { errors: [{ pointer: "/repo", detail: why }] });
}
