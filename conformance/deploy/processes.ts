import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Pids on whose command line `mark` occurs: a path that nothing else has. Zombies have no command line, so they do not count. */
export function processesWith(mark: string): number[] {
  if (existsSync("/proc/self/cmdline")) return pidsInProc().filter((pid) => read(`/proc/${pid}/cmdline`).includes(mark));
  return listed(["-o", "pid=,command="], mark);
}

/** Those that carry `mark` on their command line or in their environment. */
export function descendantsWith(mark: string): number[] {
  if (!existsSync("/proc/self/environ")) return listed(["-E", "-o", "pid=,command="], mark);
  return pidsInProc().filter((pid) => read(`/proc/${pid}/cmdline`).includes(mark) || read(`/proc/${pid}/environ`).includes(mark));
}

export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false; // It ended meanwhile.
  }
}

function pidsInProc(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // It ended meanwhile, or belongs to somebody else.
  }
}

/** Where there is no /proc. */
function listed(columns: readonly string[], mark: string): number[] {
  const { stdout } = Bun.spawnSync(["ps", "-A", "-ww", ...columns]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line.includes(mark))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid !== process.pid);
}
