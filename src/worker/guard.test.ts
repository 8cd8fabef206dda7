import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../test/until.ts";
import { allPids, environOf, isAlive, readStat } from "../supervise/proc.ts";

test("the guard of a worker that is killed ends, also where its folder is gone, and does not make it again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "orco-guard-"));
  const mark = `ORCO_TEST_GUARD=${folder}`;
  const guards = (): number[] => allPids().filter((pid) => isAlive(readStat(pid)) && environOf(pid)?.includes(mark));
  const program = `
    const { startGuard } = await import(${JSON.stringify(join(import.meta.dirname, "guard.ts"))});
    startGuard(${JSON.stringify(folder)}, { PATH: process.env.PATH, ORCO_TEST_GUARD: ${JSON.stringify(folder)} });
    setInterval(() => undefined, 1000);`;
  await using worker = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  await until("it has a guard", () => guards().length > 0, 15_000);
  rmSync(folder, { recursive: true });
  worker.kill("SIGKILL");
  await until("the guard has ended", () => guards().length === 0, 15_000);
  expect(existsSync(folder)).toBe(false);
});
