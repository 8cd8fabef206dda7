import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive, readStat } from "../src/supervise/proc.ts";
import { until } from "./until.ts";

test("what a killed run of tests has started is killed, with its folder", async () => {
  const dir = mkdtempSync(join(tmpdir(), "orco-reaper-"));
  const mark = join(dir, "tmp");
  mkdirSync(mark);
  const program = `
    const { startReaper } = await import(${JSON.stringify(join(import.meta.dirname, "reaper.ts"))});
    startReaper(${JSON.stringify(dir)}, ${JSON.stringify(mark)});
    const child = Bun.spawn(["sleep", "60"], { env: { ...process.env, TMPDIR: ${JSON.stringify(mark)} }, detached: true });
    await Bun.write(${JSON.stringify(join(dir, "pid"))}, String(child.pid));
    setInterval(() => undefined, 1000);`;
  await using tests = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  const file = join(dir, "pid");
  const pid = Number(await until("it has started something", () => existsSync(file) && readFileSync(file, "utf8")));
  expect(isAlive(readStat(pid))).toBe(true);
  tests.kill("SIGKILL");
  await until("that is gone", () => !isAlive(readStat(pid)), 10_000);
  await until("the folder is gone", () => !existsSync(dir), 10_000);
});
