import { join } from "node:path";
import type { Clock } from "../kernel/clock.ts";
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

/** A guard that ends what the former worker of this name has left is through by then. */
const SWEPT_MS = 10_000;
const LOOK_MS = 50;

interface TakeOptions {
  readonly home: string;
  readonly name?: string | undefined;
  readonly clock: Pick<Clock, "monotonic" | "sleep">;
  readonly signal: AbortSignal;
}

/**
 * `$ORCO_HOME/workers/<name>`, else the first number that no worker has now. `already_running` (facts: pid) when another worker has the name, and keeps
 * it; rejects with the signal's reason.
 */
export async function takeWorkerHome({ home, name, clock, signal }: TakeOptions): Promise<WorkerHome> {
  if (name === undefined) return firstFree(home);
  for (const deadline = clock.monotonic() + SWEPT_MS; ; await clock.sleep(LOOK_MS, signal)) {
    const taken = takeUnlessHeld(home, name);
    if (taken) return taken;
    if (clock.monotonic() > deadline) return take(home, name);
  }
}

function firstFree(home: string): WorkerHome {
  for (let number = 1; number < MAX_WORKERS; number++) {
    const taken = takeUnlessHeld(home, String(number));
    if (taken) return taken;
  }
  return take(home, String(MAX_WORKERS));
}

function takeUnlessHeld(home: string, slot: string): WorkerHome | undefined {
  try {
    return take(home, slot);
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "already_running") throw error;
    return undefined;
  }
}

function take(home: string, slot: string): WorkerHome {
  const folder = join(home, "workers", slot);
  makeHome(folder);
  return { folder, slot, lock: lockWorker(folder) };
}

/** Throws `already_running`. */
export function lockWorker(folder: string): Lock {
  try {
    return takeLock(join(folder, "lock"), { pid: process.pid, startTime: readStat(process.pid)?.startTime ?? 0 });
  } catch (error) {
    if (!(error instanceof OrcoError) || error.code !== "already_running") throw error;
    const { pid } = error.facts;
    const by = typeof pid === "number" ? ` (pid ${pid})` : "";
    const message = `another worker${by} has the folder ${folder}; stop it, or choose another --name`;
    throw new OrcoError("already_running", message, error.facts, { cause: error });
  }
}
