import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Limits } from "./runtime.ts";

export type Controller = "cpu" | "memory" | "pids";

const CONTROLLERS: readonly Controller[] = ["cpu", "memory", "pids"];
/** The kernel's default period for CPU quotas. */
const CPU_PERIOD_US = 100_000;
/** The shim is in the group too. */
const SHIM_PIDS = 1;

/** Where this machine lets us make control groups. Directories that exist and are writable. */
export interface CgroupPlaces {
  /** Of the v2 tree, with cgroup.kill; controllers that can be used below it. */
  readonly v2?: { readonly dir: string; readonly controllers: readonly Controller[] };
  /** Of v1 hierarchies, for the controllers v2 does not have. */
  readonly v1: Readonly<Partial<Record<Controller, string>>>;
}

/** Of one instance; kept in its meta.json so that the next daemon finds them. */
export interface CgroupPaths {
  readonly v2?: string;
  readonly v1: readonly string[];
}

/**
 * Looks for `orco/<scope>` in the v2 tree (`/sys/fs/cgroup`, or `unified` beside v1 hierarchies), at its root or, for a
 * daemon without root, below the daemon's own group; then in v1 below the daemon's own group, whose limits go on to hold.
 */
export function findCgroups(scope: string, root = "/sys/fs/cgroup"): CgroupPlaces {
  const own = ownGroups();
  const v2 = findV2(root, { scope, own: own.get("") ?? "/" });
  const v1: Partial<Record<Controller, string>> = {};
  for (const controller of CONTROLLERS) {
    if (v2?.controllers.includes(controller)) continue;
    const base = [own.get(controller) ?? "/", "/"].map((group) => join(root, controller, group)).find(isWritable);
    if (base !== undefined) v1[controller] = join(base, "orco", scope);
  }
  return { ...(v2 && { v2 }), v1 };
}

function findV2(root: string, { scope, own }: { scope: string; own: string }): CgroupPlaces["v2"] {
  const tree = [root, join(root, "unified")].find((dir) => existsSync(join(dir, "cgroup.controllers")));
  if (tree === undefined) return undefined;
  for (const base of new Set([tree, join(tree, own)])) {
    const dir = make(base, scope);
    if (dir === undefined || !existsSync(join(dir, "cgroup.kill"))) continue;
    for (const level of [base, join(base, "orco"), dir]) {
      for (const controller of CONTROLLERS) write(join(level, "cgroup.subtree_control"), `+${controller}`);
    }
    const usable = read(join(dir, "cgroup.subtree_control"))?.trim().split(" ") ?? [];
    return { dir, controllers: CONTROLLERS.filter((controller) => usable.includes(controller)) };
  }
  return undefined;
}

/** `orco/<scope>` below a group of a cgroup file system, if that can be written to. */
function make(base: string, scope: string): string | undefined {
  if (!existsSync(join(base, "cgroup.procs"))) return undefined;
  const dir = join(base, "orco", scope);
  try {
    mkdirSync(dir, { recursive: true });
    return existsSync(join(dir, "cgroup.procs")) ? dir : undefined;
  } catch {
    return undefined;
  }
}

function isWritable(group: string): boolean {
  try {
    accessSync(join(group, "cgroup.procs"), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Controller → the daemon's own group; the v2 tree has the empty name. */
function ownGroups(): Map<string, string> {
  const lines = (read("/proc/self/cgroup") ?? "").trim().split("\n");
  return new Map(
    lines.flatMap((line) => {
      const [, names = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return names.split(",").map((name) => [name, path] as const);
    }),
  );
}

/** One sentence for each limit that nothing here can enforce. */
export function unenforced(places: CgroupPlaces, limits: Limits): string[] {
  return wanted(limits)
    .filter((controller) => !places.v2?.controllers.includes(controller) && places.v1[controller] === undefined)
    .map((controller) => `the ${controller} limit is not enforced: no writable cgroup with the ${controller} controller on this machine`);
}

function wanted(limits: Limits): Controller[] {
  return CONTROLLERS.filter((controller) => limits[controller] !== undefined);
}

/** The control groups of one instance: one in the v2 tree, and one in each v1 hierarchy that a limit needs. */
export class Cgroup {
  constructor(readonly paths: CgroupPaths) {}

  /** Makes the groups and sets the limits. Throws what the file system throws. */
  static create(places: CgroupPlaces, instance: string, limits: Limits): Cgroup {
    const v2 = places.v2 && join(places.v2.dir, instance);
    if (v2 !== undefined) mkdirSync(v2, { recursive: true });
    const v1: string[] = [];
    for (const controller of wanted(limits)) {
      if (v2 !== undefined && places.v2?.controllers.includes(controller)) limitV2(v2, controller, limits);
      else if (places.v1[controller] !== undefined) v1.push(limitV1(join(places.v1[controller], instance), controller, limits));
    }
    return new Cgroup({ ...(v2 !== undefined && { v2 }), v1 });
  }

  /** Those an instance would have had; for one whose meta.json was never written. */
  static guess(places: CgroupPlaces, instance: string): Cgroup {
    const v2 = places.v2 && join(places.v2.dir, instance);
    const v1 = Object.values(places.v1).map((dir) => join(dir, instance));
    return new Cgroup({ ...(v2 !== undefined && existsSync(v2) && { v2 }), v1: v1.filter((dir) => existsSync(dir)) });
  }

  /** Living members, or undefined when there is no v2 group to ask. */
  pids(): number[] | undefined {
    if (this.paths.v2 === undefined) return undefined;
    return groupsBelow(this.paths.v2).flatMap((dir) => (read(join(dir, "cgroup.procs")) ?? "").split("\n").filter(Boolean).map(Number));
  }

  /** Kills all members and what they fork meanwhile, in one stroke. false when there is no v2 group. */
  kill(): boolean {
    return this.paths.v2 !== undefined && write(join(this.paths.v2, "cgroup.kill"), "1");
  }

  /** Whether the kernel killed a member for want of memory. */
  outOfMemory(): boolean {
    const files = this.paths.v1.map((dir) => join(dir, "memory.oom_control"));
    if (this.paths.v2 !== undefined) files.push(join(this.paths.v2, "memory.events"));
    return files.some((file) => Number(/^oom_kill (\d+)$/m.exec(read(file) ?? "")?.[1] ?? 0) > 0);
  }

  /** CPU time of all members there ever were; the v2 tree counts it even without its cpu controller. */
  cpuMs(): number | undefined {
    const usec = this.paths.v2 && /^usage_usec (\d+)$/m.exec(read(join(this.paths.v2, "cpu.stat")) ?? "")?.[1];
    return usec === undefined ? undefined : Number(usec) / 1000;
  }

  /** Removes the empty groups; one that still has members stays. */
  remove(): void {
    const tops = [...this.paths.v1, ...(this.paths.v2 === undefined ? [] : [this.paths.v2])];
    for (const top of tops) groupsBelow(top).toReversed().forEach(removeGroup);
  }
}

/** Removes the groups of the scope where no instance is left in them; they are made again when needed. */
export function removeEmpty(places: CgroupPlaces): void {
  for (const dir of [...Object.values(places.v1), ...(places.v2 ? [places.v2.dir] : [])]) removeGroup(dir);
}

function removeGroup(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // ENOENT: removed before. EBUSY: a member, or a group in it, lives on.
  }
}

/** The group and those a service made inside it, parents first. */
function groupsBelow(top: string): string[] {
  const found = [top];
  for (let next = 0; next < found.length; next++) {
    const dir = found[next] ?? top;
    if ((statSync(dir, { throwIfNoEntry: false })?.nlink ?? 2) <= 2) continue;
    for (const name of foldersIn(dir)) found.push(join(dir, name));
  }
  return found;
}

/** A service may remove its own groups at any moment. */
function foldersIn(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}

function limitV2(dir: string, controller: Controller, limits: Limits): void {
  if (controller === "cpu") writeFileSync(join(dir, "cpu.max"), `${Math.round((limits.cpu ?? 0) * CPU_PERIOD_US)} ${CPU_PERIOD_US}`);
  if (controller === "pids") writeFileSync(join(dir, "pids.max"), String((limits.pids ?? 0) + SHIM_PIDS));
  if (controller !== "memory") return;
  writeFileSync(join(dir, "memory.max"), String(limits.memory));
  // Absent without swap accounting.
  write(join(dir, "memory.swap.max"), "0");
}

function limitV1(dir: string, controller: Controller, limits: Limits): string {
  mkdirSync(dir, { recursive: true });
  if (controller === "cpu") writeFileSync(join(dir, "cpu.cfs_quota_us"), String(Math.round((limits.cpu ?? 0) * CPU_PERIOD_US)));
  if (controller === "pids") writeFileSync(join(dir, "pids.max"), String((limits.pids ?? 0) + SHIM_PIDS));
  if (controller !== "memory") return dir;
  writeFileSync(join(dir, "memory.limit_in_bytes"), String(limits.memory));
  write(join(dir, "memory.memsw.limit_in_bytes"), String(limits.memory));
  return dir;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}

/** For knobs that not every kernel has, and groups that are gone: a refusal is an answer. */
function write(path: string, text: string): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false;
  }
}
