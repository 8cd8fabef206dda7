import { join } from "node:path";
import { OrcoError } from "../kernel/errors.ts";
import { makeHome } from "../kernel/home-folder.ts";
import { type Lock, takeLock } from "../kernel/lock.ts";
import { readStat } from "../supervise/proc.ts";

export interface WorkerHome {
  /** Files and processes of its steps, apart from those of a daemon of the same home. */
  readonly folder: string;
  /** Its name, or its number on this machine. */
  readonly slot: string;
  readonly lock: Lock;
}

const MAX_WORKERS = 256;

/** `$ORCO_HOME/workers/<name>`, else the first number that no worker has now. `already_running` (facts: pid) when another worker has the name. */
export function takeWorkerHome(home: string, name?: string): WorkerHome {
  if (name !== undefined) return take(home, name);
  for (let number = 1; number < MAX_WORKERS; number++) {
    try {
      return take(home, String(number));
    } catch (error) {
      if (!(error instanceof OrcoError) || error.code !== "already_running") throw error;
    }
  }
  return take(home, String(MAX_WORKERS));
}

function take(home: string, slot: string): WorkerHome {
  const folder = join(home, "workers", slot);
  makeHome(folder);
  return { folder, slot, lock: lockWorker(folder) };
}

/** Throws `already_running`. */
export function lockWorker(folder: string): Lock {
  return takeLock(join(folder, "lock"), { pid: process.pid, startTime: readStat(process.pid)?.startTime ?? 0 });
}
