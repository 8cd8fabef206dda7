import { readdirSync, readFileSync } from "node:fs";

/** Pids whose environment mentions `marker`, this process aside. */
export function processesWith(marker: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => mentions(pid, marker))
    .map(Number);
}

function mentions(pid: string, marker: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(marker);
  } catch {
    return false; // it ended meanwhile, or belongs to somebody else
  }
}

/** Pid in the lock of the daemon that holds this home. */
export function daemonPid(home: string): number {
  const text = readFileSync(`${home}/lock`, "utf8");
  const pid = Number(/\d+/.exec(text)?.[0]);
  if (!Number.isSafeInteger(pid) || pid < 2) throw new Error(`no pid in ${home}/lock`);
  return pid;
}
