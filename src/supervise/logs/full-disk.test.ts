import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import type { LogRecord } from "./record.ts";
import { Rig } from "./rig.suite.ts";
import { LogStore } from "./store.ts";

const mount = mkdtempSync(join(tmpdir(), "orco-full-"));
const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mount]).exitCode === 0;
if (!mounted) {
  const why = "full-disk tests need root and mount(8): no small tmpfs could be made";
  if (process.env["CI"] === "true") throw new Error(why);
  console.warn(`skipped: ${why}`);
}
afterAll(() => {
  if (mounted) Bun.spawnSync(["umount", mount]);
  rmSync(mount, { recursive: true, force: true });
});

const line = (n: number) => `line ${n} ${"x".repeat(n % 300)}\n`;

test.skipIf(!mounted)("on a full disk nothing is lost or half visible; it goes on when there is room again", async () => {
  using rig = new Rig();
  const store = new LogStore({ root: join(mount, "logs"), clock: rig.clock, onError: (error) => rig.errors.push(error) });
  const logging = { maxFileSizeBytes: 16 * 1024 * 1024, maxFiles: 4, format: "auto" as const };
  const log = store.service({ stack: "demo", service: "api", logging, secrets: [] });
  const attachment = log.attach({ instance: "i1", replica: 0, spools: { stdout: rig.spool("i1"), stderr: rig.spool("i1", "stderr") } });
  const read = () => Array.fromAsync<LogRecord>(store.query({ stack: "demo", query: {}, signal: new AbortController().signal }));

  const ballast = join(mount, "ballast");
  writeFileSync(ballast, Buffer.alloc(1_200_000));
  let written = 0;
  for (let i = 0; i < 40; i++) {
    rig.write("i1", Array.from({ length: 100 }, () => line(written++)).join(""));
    await rig.clock.advance(20);
  }
  await rig.clock.advance(5000);
  const visible = await read();
  expect(visible.length).toBeGreaterThan(100);
  expect(visible.length).toBeLessThan(written);
  expect(visible.map((record) => record.seq)).toEqual(visible.map((_, i) => i + 1));
  expect(rig.errors.map((error) => [error.code, error.facts["service"]])).toEqual([["disk_full", "api"]]);
  log.note({ level: "warn", message: "while it was full", replica: 0 });
  const finished = attachment.finish();
  await rig.clock.advance(3000);
  expect((await read()).length).toBe(visible.length);

  rmSync(ballast);
  await rig.clock.advance(3000);
  await finished;
  const all = await read();
  expect(all.map((record) => record.seq)).toEqual(all.map((_, i) => i + 1));
  expect(all.filter((record) => record.source === "stdout").map((record) => `${record.message}\n`)).toEqual(
    Array.from({ length: written }, (_, n) => line(n)),
  );
  expect(all.filter((record) => record.source === "orco").map((record) => record.message)).toEqual(["while it was full"]);

  writeFileSync(ballast, Buffer.alloc(4_000_000).subarray(0, 100_000));
  store.close();
  expect(rig.errors.length).toBe(1);
});

test.skipIf(!mounted)("a store that starts on a full disk starts, and catches up later", async () => {
  using rig = new Rig();
  rmSync(join(mount, "logs"), { recursive: true, force: true });
  const ballast = join(mount, "ballast");
  try {
    writeFileSync(ballast, Buffer.alloc(8_000_000));
  } catch {
    // full, as intended
  }
  const clock = rig.clock;
  const store = new LogStore({ root: join(mount, "logs"), clock, onError: (error) => rig.errors.push(error) });
  const log = store.service({
    stack: "demo",
    service: "api",
    logging: { maxFileSizeBytes: 65_536, maxFiles: 2, format: "auto" },
    secrets: [],
  });
  rig.write("i1", "first\nlast");
  const done = log.attach({ instance: "i1", replica: 0, spools: { stdout: rig.spool("i1"), stderr: rig.spool("i1", "stderr") } }).finish();
  await clock.advance(3000);
  expect(log.lastSeq).toBe(0);
  expect(rig.errors.map((error) => error.code)).toEqual(["disk_full"]);
  rmSync(ballast);
  await clock.advance(3000);
  await done;
  expect(log.lastSeq).toBe(2);
  store.close();
});

test("the system's clock drives it as the fake one does", async () => {
  using rig = new Rig();
  const store = new LogStore({ root: join(rig.dir, "real"), clock: systemClock(), onError: (error) => rig.errors.push(error) });
  const log = store.service({
    stack: "demo",
    service: "api",
    logging: { maxFileSizeBytes: 65_536, maxFiles: 2, format: "auto" },
    secrets: [],
  });
  const attachment = log.attach({ instance: "i1", replica: 0, spools: { stdout: rig.spool("i1"), stderr: rig.spool("i1", "stderr") } });
  const seen = new Promise<string>((resolve) => attachment.onRecord((record) => resolve(record.message)));
  attachment.urgent(true);
  rig.write("i1", "ready\n");
  expect(await seen).toBe("ready");
  await attachment.finish();
  store.close();
  expect(rig.errors).toEqual([]);
});
