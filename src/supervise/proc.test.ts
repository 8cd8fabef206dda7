import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  allPids,
  bootId,
  catches,
  childrenOf,
  commandOf,
  descendantsOf,
  environOf,
  isAlive,
  parseStat,
  readStat,
  usageOf,
} from "./proc.ts";

const NUMBERS = "1 2 3 0 -1 4194304 5 6 7 8 11 12 13 14 20 0 1 0 424242 1000 2000 18446744073709551615";

test("reads itself", () => {
  const stat = readStat(process.pid);
  expect(stat).toMatchObject({ pid: process.pid, parent: process.ppid });
  expect(isAlive(stat)).toBe(true);
  expect(allPids()).toContain(process.pid);
  expect(usageOf([process.pid]).rssBytes).toBeGreaterThan(1 << 20);
  expect(usageOf([process.pid]).cpuMs).toBeGreaterThan(0);
  expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
});

test("a command name of any characters does not move the fields", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 15 }), (name) => {
      const stat = parseStat(77, `77 (${name}) S ${NUMBERS}\n`);
      expect(stat).toEqual({ pid: 77, state: "S", parent: 1, group: 2, session: 3, cpuMs: 500, startTime: 424_242 });
    }),
  );
});

test("a process that is not there reads as undefined", () => {
  const pid = 2 ** 22 + 1;
  expect(readStat(pid)).toBeUndefined();
  expect(environOf(pid)).toBeUndefined();
  expect(childrenOf(pid)).toEqual([]);
  expect(usageOf([pid])).toEqual({ cpuMs: 0, rssBytes: 0 });
  expect(catches(pid, 15)).toBe(false);
});

test("a child is found with its environment and its command; ended and unreaped it is not alive", async () => {
  await using child = Bun.spawn(["/bin/sh", "-c", "trap : TERM; read line"], { stdin: "pipe", stdout: "ignore", env: { MARK: "x y" } });
  expect(childrenOf(process.pid)).toContain(child.pid);
  expect(descendantsOf(process.pid)).toContain(child.pid);
  // The spawn returns in the midst of exec: a moment before the kernel has laid out the new environment.
  while (!environOf(child.pid)?.length) continue;
  expect(environOf(child.pid)).toContain("MARK=x y");
  expect(commandOf(child.pid)).toBe("/bin/sh -c trap : TERM; read line");
  child.kill("SIGKILL");
  // Bun reaps in its event loop, so within this turn it stays a zombie.
  while (readStat(child.pid)?.state !== "Z") continue;
  expect(isAlive(readStat(child.pid))).toBe(false);
});
