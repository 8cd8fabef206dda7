/** What /proc says about processes: the benches measure and clean up by it, without asking any tool. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Fields of /proc/PID/stat from field 3 on (`state` first). */
function stat(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** A zombie counts as gone: nothing of it runs, and who reaps it is another question. */
export function gone(pid: number): boolean {
  const state = stat(pid)?.[0];
  return state === undefined || state === "Z" || state === "X";
}

export function parentOf(pid: number): number {
  return Number(stat(pid)?.[1] ?? 0);
}

export function startTime(pid: number): number {
  return Number(stat(pid)?.[19] ?? 0);
}

export function processes(): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0);
}

/** Processes whose executable is this very file. */
export function runningFrom(executable: string): number[] {
  return processes().filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`) === executable;
    } catch {
      return false;
    }
  });
}

/** Every process above `pid`, nearest first, without pid 1 and without `not`. */
export function above(pid: number, not: ReadonlySet<number>): number[] {
  const chain: number[] = [];
  for (let at = parentOf(pid); at > 1 && !not.has(at) && chain.length < 64; at = parentOf(at)) chain.push(at);
  return chain;
}

/**
 * CPU time in ms since the process started, of all its threads – also those that have ended – and of the children it has
 * reaped. The kernel counts in nanoseconds and shows 10 ms (USER_HZ): 0.05 % of a core over 20 s.
 */
export function cpuMs(pid: number): number {
  const fields = stat(pid) ?? [];
  return [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i] ?? 0), 0) * 10;
}

export interface Memory {
  readonly rssMiB: number;
  readonly pssMiB: number;
}

export function memory(pids: readonly number[]): Memory {
  let rssKib = 0;
  let pssKib = 0;
  for (const pid of pids) {
    const rollup = read(`/proc/${pid}/smaps_rollup`) ?? "";
    rssKib += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    pssKib += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  }
  return { rssMiB: rssKib / 1024, pssMiB: pssKib / 1024 };
}

/** Who supervises: `daemon` stands above most services, `shims` above one or a few. */
export function supervisors(services: readonly number[]): { daemon: number[]; shims: number[] } {
  const ours = new Set([process.pid, ...above(process.pid, new Set())]);
  const count = new Map<number, number>();
  for (const service of services) for (const pid of above(service, ours)) count.set(pid, (count.get(pid) ?? 0) + 1);
  const split = Math.max(1, services.length / 2);
  const pids = [...count.keys()];
  return {
    daemon: pids.filter((pid) => (count.get(pid) ?? 0) > split || services.length === 1),
    shims: pids.filter((pid) => (count.get(pid) ?? 0) <= split && services.length > 1),
  };
}
