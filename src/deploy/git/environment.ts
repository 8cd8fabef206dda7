import type { RemoteUrl } from "./url.ts";

/** What of the daemon's environment git may see: how to find programs, keys, proxies and certificates. */
const INHERITED = [
  "PATH",
  "TMPDIR",
  "SSH_AUTH_SOCK",
  "https_proxy",
  "HTTPS_PROXY",
  "no_proxy",
  "NO_PROXY",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
];

/**
 * Settings of every git that runs, whatever the machine, its users or the repository say. They come by the environment: an argument would show in
 * /proc, a file could be changed.
 */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.attributesFile", "/dev/null"],
  ["core.excludesFile", "/dev/null"],
  ["core.symlinks", "true"],
  ["core.autocrlf", "false"],
  ["core.quotePath", "false"],
  ["credential.helper", ""],
  ["fetch.recurseSubmodules", "false"],
  ["submodule.recurse", "false"],
  ["protocol.allow", "never"],
  ["transfer.credentialsInUrl", "die"],
  // One pack a fetch: thousands of files of its own make each slower than the one before.
  ["fetch.unpackLimit", "1"],
  // A collection in the background would outlive its fetch, and hold locks that the next one takes for stale.
  ["gc.autoDetach", "false"],
  ["maintenance.autoDetach", "false"],
  // A server that says nothing for a minute is given up.
  ["http.lowSpeedLimit", "1"],
  ["http.lowSpeedTime", "60"],
];

/** ssh asks nobody: an unknown host or a missing key is an error. */
const SSH = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4";

/** A helper that knows the secret only by name; git runs it for the one scope it is set for. */
const HELPER = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$ORCO_GIT_USER" "$ORCO_GIT_PASSWORD"; }; f`;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The whole environment of a git command on `gitDir`. With `remote`, `origin` is that repository and nothing else can be reached. */
export function gitEnvironment(inherited: Environment, { gitDir, remote }: { gitDir: string; remote?: RemoteUrl }): Record<string, string> {
  return {
    ...only(inherited, INHERITED),
    LC_ALL: "C",
    HOME: "/nonexistent",
    XDG_CONFIG_HOME: "/nonexistent",
    GIT_DIR: gitDir,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    SSH_ASKPASS: "",
    GIT_SSH_COMMAND: SSH,
    GIT_SSH_VARIANT: "ssh",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_LITERAL_PATHSPECS: "1",
    // Above protocol.allow: of file, https, http and ssh the one that the URL names.
    GIT_ALLOW_PROTOCOL: remote?.protocol ?? "none",
    ...(remote?.credential && { ORCO_GIT_USER: remote.credential.user, ORCO_GIT_PASSWORD: remote.credential.password }),
    ...asVariables([...SETTINGS, ...settingsOf(remote)]),
  };
}

function settingsOf(remote: RemoteUrl | undefined): (readonly [string, string])[] {
  if (!remote) return [];
  const { url, protocol, credential } = remote;
  return [
    ["remote.origin.url", url],
    // A redirect from https may not lead to http; one from http not anywhere.
    ["http.followRedirects", protocol === "http" ? "false" : "initial"],
    ...(credential ? [[`credential.${credential.scope}.helper`, HELPER] as const] : []),
  ];
}

function asVariables(settings: readonly (readonly [string, string])[]): Record<string, string> {
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  for (const [index, [name, value]] of settings.entries()) {
    variables[`GIT_CONFIG_KEY_${index}`] = name;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return variables;
}

function only(from: Environment, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}
