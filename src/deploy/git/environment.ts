import { type GitSetting, isolatedGit } from "../../kernel/git-isolation.ts";
import type { RemoteUrl } from "./url.ts";

/** Settings of every git that runs, whatever the machine, its users or the repository say. */
const SETTINGS: readonly GitSetting[] = [
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

/** A helper that knows the secret only by name; git runs it for the one scope it is set for. */
const HELPER = `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$ORCO_GIT_USER" "$ORCO_GIT_PASSWORD"; }; f`;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The whole environment of a git command on `gitDir`. With `remote`, `origin` is that repository and nothing else can be reached. */
export function gitEnvironment(inherited: Environment, { gitDir, remote }: { gitDir: string; remote?: RemoteUrl }): Record<string, string> {
  return {
    ...isolatedGit(inherited, [...SETTINGS, ...settingsOf(remote)]),
    GIT_DIR: gitDir,
    // Above protocol.allow: of file, https, http and ssh the one that the URL names.
    ...(remote && { GIT_ALLOW_PROTOCOL: remote.protocol }),
    ...(remote?.credential && { ORCO_GIT_USER: remote.credential.user, ORCO_GIT_PASSWORD: remote.credential.password }),
  };
}

function settingsOf(remote: RemoteUrl | undefined): GitSetting[] {
  if (!remote) return [];
  const { url, protocol, credential } = remote;
  return [
    ["remote.origin.url", url],
    // A redirect from https may not lead to http; one from http not anywhere.
    ["http.followRedirects", protocol === "http" ? "false" : "initial"],
    ...(credential ? [[`credential.${credential.scope}.helper`, HELPER] as const] : []),
  ];
}
