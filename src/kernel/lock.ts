import { closeSync, constants, fchmodSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { errnoOf, messageOf, OrcoError } from "./errors.ts";
import { C_LIBRARIES, openC } from "./libc.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

export interface Lock {
  release(): void;
}

/**
 * Takes `$ORCO_HOME/lock` for the life of this process: flock(2), which the kernel gives back however the holder dies.
 * The file then says `pid starttime`. Throws `already_running` (facts: pid).
 */
export function takeLock(path: string, holder: { pid: number; startTime: number }): Lock {
  const fd = openLock(path);
  if (flock(fd) !== 0) {
    closeSync(fd);
    const pid = Number(readFileSync(path, "utf8").split(" ")[0]) || undefined;
    const by = pid === undefined ? "another daemon" : `the daemon with pid ${pid}`;
    throw new OrcoError(
      "already_running",
      `${by} already serves this home; use it, stop it (kill ${pid ?? "it"}), or choose another ORCO_HOME`,
      { pid, file: path },
    );
  }
  fchmodSync(fd, 0o600);
  // Over the old text, and only then cut: that needs no space where the disk is full.
  const size = writeSync(fd, `${holder.pid} ${holder.startTime}\n`, 0);
  ftruncateSync(fd, size);
  return { release: () => closeSync(fd) };
}

/** Node opens with O_CLOEXEC: no service inherits the lock and outlives us with it. */
function openLock(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    const code = errnoOf(error) === "ENOSPC" ? "disk_full" : "unavailable";
    throw new OrcoError(code, `the lock of this home cannot be opened: ${messageOf(error)}`, { file: path });
  }
}

function flock(fd: number): number {
  const libc = openC({ flock: { args: ["i32", "i32"], returns: "i32" } });
  if (!libc)
    throw new OrcoError("unavailable", `none of ${C_LIBRARIES.join(", ")} can be loaded, so the lock of this home cannot be taken`);
  const result = libc.symbols.flock(fd, LOCK_EX | LOCK_NB);
  libc.close();
  return result;
}
