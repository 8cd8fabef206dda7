import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cgroup, type CgroupPlaces, findCgroups, removeEmpty, unenforced } from "./cgroup.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orco-cgroup-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Plain files stand in for the kernel's: what would be written is read back. */
function places(): CgroupPlaces {
  for (const dir of ["v2", "memory"]) mkdirSync(join(root, dir), { recursive: true });
  return { v2: { dir: join(root, "v2"), controllers: ["cpu", "pids"] }, v1: { memory: join(root, "memory") } };
}

function written(...path: string[]): string {
  return readFileSync(join(root, ...path), "utf8");
}

test("each limit goes to v2 where its controller is, else to v1", () => {
  const group = Cgroup.create(places(), "id", { cpu: 0.5, memory: 1024, pids: 10 });
  expect(group.paths).toEqual({ v2: join(root, "v2", "id"), v1: [join(root, "memory", "id")] });
  expect(written("v2", "id", "cpu.max")).toBe("50000 100000");
  expect(written("v2", "id", "pids.max")).toBe("11");
  expect(written("memory", "id", "memory.limit_in_bytes")).toBe("1024");
  expect(Cgroup.guess(places(), "id").paths).toEqual(group.paths);
});

test("without limits there is only the group that the kill needs", () => {
  expect(Cgroup.create(places(), "id", {}).paths).toEqual({ v2: join(root, "v2", "id"), v1: [] });
});

test("reads members, memory kills and CPU time", () => {
  const group = Cgroup.create(places(), "id", {});
  const dir = group.paths.v2 ?? "";
  mkdirSync(join(dir, "inner"));
  writeFileSync(join(dir, "cgroup.procs"), "10\n11\n");
  writeFileSync(join(dir, "inner", "cgroup.procs"), "12\n");
  writeFileSync(join(dir, "cpu.stat"), "usage_usec 2500\nuser_usec 1\n");
  expect([group.pids(), group.cpuMs(), group.outOfMemory()]).toEqual([[10, 11, 12], 2.5, false]);
  writeFileSync(join(dir, "memory.events"), "low 0\noom 1\noom_kill 1\n");
  expect(group.outOfMemory()).toBe(true);
});

test("limits that nothing enforces are named", () => {
  expect(unenforced({ v1: {} }, { memory: 1, pids: 2 })).toEqual([
    "the memory limit is not enforced: no writable cgroup with the memory controller on this machine",
    "the pids limit is not enforced: no writable cgroup with the pids controller on this machine",
  ]);
  expect(unenforced(places(), { cpu: 1, memory: 1, pids: 2 })).toEqual([]);
});

test("a machine without cgroups has no places; on this one what is found can be used and is removed again", () => {
  expect(findCgroups("scope", root)).toEqual({ v1: {} });
  const here = findCgroups(`cgroup-test-${process.pid}`);
  const group = Cgroup.create(here, "id", {});
  if (here.v2) expect(group.pids()).toEqual([]);
  group.remove();
  removeEmpty(here);
  expect(here.v2 !== undefined && existsSync(here.v2.dir)).toBe(false);
});
