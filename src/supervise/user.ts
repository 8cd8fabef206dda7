import { readFileSync } from "node:fs";
import { OrcoError } from "../kernel/errors.ts";
import { findExecutable } from "./executable.ts";

export interface RunAs {
  /** To put before the command. */
  readonly argv: readonly string[];
  readonly uid: number;
  readonly gid: number;
}

/**
 * How to run a command as `user`: a name, uid, uid:gid or name:group, as docker takes them.
 * Throws `start_failed` when this daemon cannot do that.
 */
export function runAs(user: string): RunAs {
  if (process.getuid?.() !== 0)
    throw new OrcoError("start_failed", `user ${user}: only a daemon that runs as root can change the user`, { user });
  const [name = "", group] = user.split(":");
  const known = lookUp("/etc/passwd", name);
  const uid = known?.[2] ?? numeric(name);
  if (uid === undefined) throw new OrcoError("start_failed", `user ${name} does not exist`, { user });
  const gid = group === undefined ? (known?.[3] ?? uid) : (lookUp("/etc/group", group)?.[2] ?? numeric(group));
  if (gid === undefined) throw new OrcoError("start_failed", `group ${group} does not exist`, { user });
  // initgroups(3) needs a name in the user database.
  const groups = known ? "--init-groups" : "--clear-groups";
  const setpriv = findExecutable("setpriv", { cwd: "/", env: {} });
  return { argv: [setpriv, `--reuid=${uid}`, `--regid=${gid}`, groups, "--"], uid: Number(uid), gid: Number(gid) };
}

function numeric(text: string): string | undefined {
  return /^\d+$/.test(text) ? text : undefined;
}

function lookUp(file: string, key: string): string[] | undefined {
  const rows = readFileSync(file, "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  return rows.find((row) => row[0] === key) ?? rows.find((row) => row[2] === key);
}
