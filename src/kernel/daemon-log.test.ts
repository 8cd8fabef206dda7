import { afterAll, expect, test } from "bun:test";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { boundLog } from "./daemon-log.ts";

const dir = mkdtempSync(join(tmpdir(), "orco-daemon-log-"));
const LARGE = 17 * 2 ** 20;

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function large(name: string): string {
  const path = join(dir, name);
  writeFileSync(path, "");
  truncateSync(path, LARGE);
  return path;
}

function bound(path: string, written: string): void {
  const fd = openSync(written, "a");
  try {
    boundLog(path, fd);
  } finally {
    closeSync(fd);
  }
}

test("a log that has grown large begins anew, with what was in it beside it", () => {
  const path = large("daemon.log");
  bound(path, path);
  expect([statSync(path).size, statSync(`${path}.1`).size]).toEqual([0, LARGE]);
});

test("a file that whoever started the daemon chose is left alone, whether there is a log of ours or not", () => {
  const theirs = large("theirs.log");
  bound(join(dir, "absent.log"), theirs);
  bound(large("old.log"), theirs);
  expect(statSync(theirs).size).toBe(LARGE);
  expect(existsSync(join(dir, "old.log.1"))).toBe(false);
});

test("a log that cannot be written stops nothing", () => {
  const script = `
    import { daemonLog } from ${JSON.stringify(join(import.meta.dir, "daemon-log.ts"))};
    const log = daemonLog("info");
    for (let i = 0; i < 3; i++) log.info("lost for now");
    console.log("alive");
  `;
  const full = openSync("/dev/full", "a");
  try {
    const ran = Bun.spawnSync([process.execPath, "-e", script], { stdout: "pipe", stderr: full });
    expect([ran.exitCode, ran.stdout.toString()]).toEqual([0, "alive\n"]);
  } finally {
    closeSync(full);
  }
});
