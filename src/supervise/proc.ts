import { readdirSync, readFileSync } from "node:fs";
import type { Usage } from "./runtime.ts";

/** Linux reports CPU time to user space in hundredths of a second on every architecture (USER_HZ). */
const MS_PER_TICK = 10;

/** The part of /proc/PID/stat that identifies a process and places it in its tree. */
export interface ProcessStat {
  readonly pid: number;
  /** R, S, D, T, Z (ended, not yet reaped), X, … */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** CPU time of the process and of the children it has waited for, ms. */
  readonly cpuMs: number;
  /** Field 22: clock ticks since boot. */
  readonly startTime: number;
}

/** undefined when there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(pid, text);
}

/** The command name may hold spaces and parentheses: fields count from the last `)`. */
export function parseStat(pid: number, text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const at = (field: number): number => Number(fields[field - 3]);
  const startTime = at(22);
  if (!Number.isSafeInteger(startTime)) return undefined;
  const cpuMs = (at(14) + at(15) + at(16) + at(17)) * MS_PER_TICK;
  return { pid, state: fields[0] ?? "X", parent: at(4), group: at(5), session: at(6), cpuMs, startTime };
}

/** It executes code, or could: a zombie is only an exit code that nobody has fetched. */
export function isAlive(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== "Z" && stat.state !== "X";
}

/** A random UUID the kernel draws at every boot. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Every process of this pid namespace. */
export function allPids(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

export function childrenOf(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`);
  return text === undefined ? [] : text.split(" ").filter(Boolean).map(Number);
}

/** The process and everything below it, by parent links: what was orphaned is not found. */
export function descendantsOf(pid: number): number[] {
  const found = [pid];
  // Grows while it is walked; a tree cannot hold more processes than the machine.
  for (let next = 0; next < found.length; next++) found.push(...childrenOf(found[next] ?? 0));
  return found;
}

/** NAME=value lines of the environment the process was started with; undefined when it is gone or not ours to read. */
export function environOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/environ`);
  return text === undefined || text === "" ? undefined : text.split("\0").filter(Boolean);
}

/** The arguments of the process, for people; the kernel's name in brackets when it has none. */
export function commandOf(pid: number): string {
  const text = read(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ").trim();
  return text || `[${read(`/proc/${pid}/comm`)?.trim() ?? "unknown"}]`;
}

/** Whether the process handles the signal itself: SigCgt of /proc/PID/status, bit n-1 for signal n. */
export function catches(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

/** Memory and CPU of a set of processes; one that is gone counts nothing. */
export function usageOf(pids: readonly number[]): Usage {
  let cpuMs = 0;
  let rssBytes = 0;
  for (const pid of pids) {
    cpuMs += readStat(pid)?.cpuMs ?? 0;
    rssBytes += Number(/^VmRSS:\s*(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1] ?? 0) * 1024;
  }
  return { cpuMs, rssBytes };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // ENOENT or ESRCH: it ended. EACCES: another user's.
    return undefined;
  }
}
