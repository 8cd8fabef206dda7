import { OrcoError } from "../../kernel/errors.ts";
import { plainLine } from "../../kernel/plain-text.ts";
import type { RemoteUrl } from "./url.ts";

const SHOWN_LINES = 20;
const SHOWN_LINE = 300;

/** What git says when a remote cannot be read, and what that means to the person who asked for a deploy. */
const REASONS: readonly (readonly [said: RegExp, why: string])[] = [
  [
    /could not read Username|Authentication failed|terminal prompts disabled|HTTP Basic: Access denied|returned error: 40[13]/,
    "it wants credentials, or refuses those given; give them as https://user:token@host/…",
  ],
  [/Host key verification failed/, "its host key is not known; add it to known_hosts of the daemon's user (ssh-keyscan)"],
  [/Permission denied \((?:publickey|[a-z,-]+)\)/, "it refuses the daemon's ssh key"],
  [/Could not resolve host|Could not resolve hostname/, "its host name does not resolve"],
  [/Connection refused|Couldn't connect to server/, "nobody answers there"],
  [/Connection timed out|Operation timed out|Failed to connect|Operation too slow/, "it does not answer"],
  [/SSL certificate|certificate verify failed|SSL routines/, "its certificate is not trusted"],
  [
    /does not appear to be a git repository|not a git repository|repository '.*' not found|Repository not found/i,
    "there is no git repository there",
  ],
  [/mismatched algorithms|unknown object format/, "it uses SHA-256 object names, which are not supported"],
  [/transport '.*' not allowed/, "it redirects to a protocol that is not allowed"],
  [/Permission denied/, "the daemon's user may not read it"],
];

/** stderr of git as facts and logs may show it: plain lines, without credentials. */
function cleanStderr(stderr: string, remote?: RemoteUrl): string {
  const { user = "", password = "" } = remote?.credential ?? {};
  const secrets = [password, encodeURIComponent(password), ...(password === "" ? [user, encodeURIComponent(user)] : [])].filter(Boolean);
  const lines = stderr.split(/[\r\n]+/).map((line) => {
    let clean = line;
    for (const secret of secrets) clean = clean.replaceAll(secret, "***");
    return plainLine(clean.replaceAll(/(\w+:\/\/)[^/@\s]+@/g, "$1***@"), SHOWN_LINE);
  });
  return lines
    .filter((line) => line !== "" && !isProgress(line))
    .slice(-SHOWN_LINES)
    .join("\n");
}

function isProgress(line: string): boolean {
  return /^(?:remote: )?(?:Enumerating|Counting|Compressing|Receiving|Unpacking|Resolving|Updating)\b.*(?:\d+%|, done\.?)/.test(line);
}

/** `repo_unavailable` (facts: repo, stderr), or `disk_full` when that is what it was. */
export function remoteTrouble(stderr: string, remote: RemoteUrl): OrcoError {
  const text = cleanStderr(stderr, remote);
  if (isDiskFull(text)) return diskFull(text);
  const known = REASONS.find(([said]) => said.test(text))?.[1];
  const last = text.split("\n").findLast((line) => /^(?:fatal|error):/.test(line)) ?? text.split("\n").at(-1) ?? "";
  const why = known ?? (last.replace(/^(?:fatal|error): /, "") || "git ended without a reason");
  return new OrcoError("repo_unavailable", `${remote.shown}: ${why}`, { repo: remote.shown, stderr: text });
}

/** A git command on the mirror that should have worked. */
export function localTrouble(what: string, stderr: string): OrcoError {
  const text = cleanStderr(stderr);
  if (isDiskFull(text)) return diskFull(text);
  return new OrcoError("repo_unavailable", `git could not ${what}: ${text.split("\n").at(-1) || "no reason given"}`, { stderr: text });
}

function isDiskFull(text: string): boolean {
  return /No space left on device|Disk quota exceeded/.test(text);
}

function diskFull(stderr: string): OrcoError {
  return new OrcoError("disk_full", "the disk is full: the repository could not be written; free some space and try again", { stderr });
}
