import { join } from "node:path";
import type { CgroupPaths } from "../cgroup.ts";

const SHELL = "/bin/sh";
/** dash passes on only what could be a variable of its own. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Variables a shell adds to the environment of its children by itself. */
const SHELL_OWN = ["PWD", "OLDPWD", "SHLVL"];

export interface ShimSpec {
  /** The service: an absolute path and its arguments. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Folder of the instance. */
  readonly dir: string;
  readonly cgroups: CgroupPaths;
}

/**
 * The command of the shim: a shell that outlives the daemon, waits for the service and writes its exit code to `exit`.
 *
 * It catches what a group may be sent to make the service end or reload, or it would end before it could write the code (a
 * caught signal is reset in the child, an ignored one would stay ignored). The shell's own words about a child ("Killed") do
 * not belong to the service's stderr: its stderr is fd 3 until the child takes it. `exec` in a subshell makes the service the
 * direct child of the shim. One write of a few bytes needs no rename; a reader takes the code for written when it sees the newline. It goes into the
 * block that the file has already (`1<>` does not cut it off), for the disk may be full by then.
 */
export function shimCommand({ argv, env, dir, cgroups }: ShimSpec): string[] {
  const joins = cgroups.v1.map((group) => `echo 0 >${quote(join(group, "cgroup.procs"))}; `).join("");
  const own = SHELL_OWN.filter((name) => !(name in env)).join(" ");
  const script =
    `exec 3>&2 2>/dev/null; trap : HUP INT QUIT USR1 USR2 PIPE ALRM TERM; ${joins}unset ${own}; ` +
    `(exec "$@" 2>&3 3>&-); echo $? 1<>${quote(exitFile(dir))}`;
  return [SHELL, "-c", script, "orco-shim", ...carryOddNames(env), ...argv];
}

export function exitFile(dir: string): string {
  return join(dir, "exit");
}

/** Names such as `node.name` would be lost in the shell; env(1) sets them behind it. Their values can be read in the process list. */
function carryOddNames(env: Readonly<Record<string, string>>): string[] {
  const odd = Object.entries(env).filter(([name]) => !SHELL_NAME.test(name));
  return odd.length === 0 ? [] : ["/usr/bin/env", ...odd.map(([name, value]) => `${name}=${value}`)];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
