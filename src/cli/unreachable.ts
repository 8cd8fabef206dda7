import { readFileSync } from "node:fs";
import { join } from "node:path";
import { OrcoError } from "../kernel/errors.ts";

/** Says of an `unreachable` whether there is no daemon or one that does not answer, and what to do. Other errors pass as they are. */
export function explain(error: unknown, home: string): unknown {
  if (!(error instanceof OrcoError) || error.code !== "unreachable" || error.facts["known"] === true) return error;
  const pid = daemonPid(home);
  if (pid === undefined) {
    return new OrcoError("unreachable", `no daemon is running for ${home}`, {
      next: "orco up starts one with your stack, orco app add and orco deploy with your app; alone: orco serve",
    });
  }
  const cause = error.facts["cause"];
  if (cause === "ENOENT" || cause === "ECONNREFUSED") {
    return new OrcoError("unreachable", `the daemon (pid ${pid}) is starting or ending: its socket is not there (${cause})`, {
      pid,
      next: `try again in a moment; its log: ${join(home, "daemon.log")}`,
    });
  }
  const why = cause === "timeout" ? "gave no answer within 10 s" : `does not answer (${typeof cause === "string" ? cause : error.message})`;
  const next = `see ${join(home, "daemon.log")}; if it is stopped: kill -CONT ${pid}; services go on when it is killed and started again`;
  return new OrcoError("unreachable", `the daemon (pid ${pid}) ${why}`, { pid, next });
}

/** The pid in the lock of `home`, if that process is still the one that took it. */
export function daemonPid(home: string): number | undefined {
  const [pid = "", startTime] = readOr(join(home, "lock")).trim().split(/\s+/);
  if (!/^[1-9]\d*$/.test(pid)) return undefined;
  const stat = readOr(`/proc/${pid}/stat`);
  if (stat === "") return undefined;
  // Field 22; the name in field 2 may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie has ended; only its parent has not looked.
  if (fields[0] === "Z") return undefined;
  const since = fields[19];
  return startTime === undefined || startTime === since ? Number(pid) : undefined;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
