import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Usage } from "../../runtime.ts";

const ROOT = "/sys/fs/cgroup";
const NS_PER_MS = 1e6;
const US_PER_MS = 1e3;

/**
 * What a container uses, from the control group of its main process; undefined where that cannot be read: it has ended, or docker runs elsewhere and the
 * pid is somebody else's here (the group's name has the container's id). Memory is without what the kernel can drop of the page cache.
 */
export function containerUsage(pid: number, id: string): Usage | undefined {
  const groups = groupsOf(read(`/proc/${pid}/cgroup`) ?? "");
  const [memory, cpu, unified] = [groups.get("memory"), groups.get("cpuacct"), groups.get("")];
  if (memory?.includes(id) && cpu?.includes(id)) return usageV1(join(ROOT, "memory", memory), join(ROOT, "cpuacct", cpu));
  return unified?.includes(id) ? usageV2(join(ROOT, unified)) : undefined;
}

function usageV1(memory: string, cpu: string): Usage | undefined {
  const used = read(join(memory, "memory.usage_in_bytes"));
  const time = read(join(cpu, "cpuacct.usage"));
  if (used === undefined || time === undefined) return undefined;
  const cache = statIn(read(join(memory, "memory.stat")), "total_inactive_file");
  return { cpuMs: Number(time) / NS_PER_MS, rssBytes: Math.max(0, Number(used) - cache) };
}

function usageV2(dir: string): Usage | undefined {
  const used = read(join(dir, "memory.current"));
  const time = read(join(dir, "cpu.stat"));
  if (used === undefined || time === undefined) return undefined;
  const cache = statIn(read(join(dir, "memory.stat")), "inactive_file");
  return { cpuMs: statIn(time, "usage_usec") / US_PER_MS, rssBytes: Math.max(0, Number(used) - cache) };
}

function statIn(text: string | undefined, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text ?? "")?.[1] ?? 0);
}

/** Controller → group; the v2 tree has the empty name. Source: cgroups(7), /proc/PID/cgroup. */
function groupsOf(text: string): Map<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [, names = "", path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return path === undefined ? [] : names.split(",").map((name) => [name, path] as const);
    }),
  );
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    // It has ended, or there is no such hierarchy here.
    return undefined;
  }
}
