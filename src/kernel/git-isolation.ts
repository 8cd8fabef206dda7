/** What of our environment git may see: how to find programs, keys, proxies and certificates. */
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

/** ssh asks nobody: an unknown host or a missing key is an error. */
const SSH = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4";

export type GitSetting = readonly [name: string, value: string];

/**
 * The environment of a git that hears nothing of the machine's, its users' or anybody's configuration but `settings`, asks nobody, and reaches nothing before
 * GIT_ALLOW_PROTOCOL says so. Settings come by the environment: an argument would show in /proc, a file could be changed.
 */
export function isolatedGit(
  inherited: Readonly<Record<string, string | undefined>>,
  settings: readonly GitSetting[],
): Record<string, string> {
  return {
    ...Object.fromEntries(INHERITED.flatMap((name) => (inherited[name] === undefined ? [] : [[name, inherited[name]]]))),
    LC_ALL: "C",
    HOME: "/nonexistent",
    XDG_CONFIG_HOME: "/nonexistent",
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
    GIT_ALLOW_PROTOCOL: "none",
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([name, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, name],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  };
}
