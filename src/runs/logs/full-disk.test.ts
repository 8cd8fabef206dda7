import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../../kernel/clock.ts";
import type { OrcoError } from "../../kernel/errors.ts";
import { RunLogs } from "./run-logs.ts";

const mount = mkdtempSync(join(tmpdir(), "orco-full-"));
const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]).exitCode === 0;
if (!mounted) {
  const why = "full-disk tests need root and mount(8): no small tmpfs could be made";
  if (process.env["CI"] === "true") throw new Error(why);
  console.warn(`skipped: ${why}`);
}
afterAll(() => {
  if (mounted) Bun.spawnSync(["umount", mount]);
  rmSync(mount, { recursive: true, force: true });
});

test.skipIf(!mounted)("on a full disk lines are lost whole, told once, and counted when there is room again", async () => {
  const errors: OrcoError[] = [];
  const logs = new RunLogs({ home: mount, clock: new FakeClock(), hasEnded: () => true, onError: (error) => errors.push(error) });
  const say = async (from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n++) {
      logs.append("r1", [{ at: 0, step: "a", attempt: 1, source: "stdout", message: `${n} ${"x".repeat(1000)}`, offset: n + 1 }]);
      await Promise.resolve();
    }
  };
  await say(0, 10);
  const ballast = join(mount, "ballast");
  expect(() => writeFileSync(ballast, Buffer.alloc(2_000_000))).toThrow("ENOSPC");
  await say(10, 50);
  rmSync(ballast);
  await say(60, 10);
  const all = await Array.fromAsync(logs.read("r1", { signal: new AbortController().signal }));
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
  const kept = all.filter(({ source }) => source === "stdout").map(({ message }) => Number.parseInt(message, 10));
  const lost = 70 - kept.length;
  expect(lost).toBeGreaterThan(20);
  expect(all.filter(({ source }) => source === "orco").map(({ message }) => message)).toEqual([
    `${lost} lines were lost: the log could not be written`,
  ]);
  expect(kept.slice(-10)).toEqual(Array.from({ length: 10 }, (_, n) => n + 60));
  expect(errors.map(({ code }) => code)).toEqual(["disk_full"]);
  logs.close();
});
