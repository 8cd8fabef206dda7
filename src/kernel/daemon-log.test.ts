import { afterAll, expect, test } from "bun:test";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
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

test("lines come in their order, errors at once, and none is lost when the process ends in the same turn", () => {
  const script = `
    import { readFileSync } from "node:fs";
    import { daemonLog } from ${JSON.stringify(join(import.meta.dir, "daemon-log.ts"))};
    const log = daemonLog("info");
    const written = () => readFileSync(process.argv[1], "utf8").trim().split("\\n").filter(Boolean).map((line) => JSON.parse(line).msg);
    log.info("one");
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    console.log(written().join());
    log.info("two");
    log.error("three");
    console.log(written().join());
    log.info("four");
    process.exit(0);
  `;
  const path = join(dir, "lines.log");
  const fd = openSync(path, "a");
  try {
    const ran = Bun.spawnSync([process.execPath, "-e", script, path], { stdout: "pipe", stderr: fd });
    expect(ran.stdout.toString()).toBe("one\none,two,three\n");
  } finally {
    closeSync(fd);
  }
  expect(readFileSync(path, "utf8").match(/"msg":"(\w+)"/g)).toHaveLength(4);
});

test("lines made later are there a moment after, with their own time, and when the process ends before", () => {
  const script = `
    import { readFileSync } from "node:fs";
    import { daemonLogs } from ${JSON.stringify(join(import.meta.dir, "daemon-log.ts"))};
    const { log, later } = daemonLogs("info");
    const written = () => readFileSync(process.argv[1], "utf8").split("\\n").filter(Boolean).map((line) => JSON.parse(line));
    const before = Date.now();
    later.info({ a: 1 }, "one");
    const given = Date.now();
    const early = written().length;
    while (Date.now() < given + 5);
    while (written().length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [one] = written();
    const at = Date.parse(one.time);
    console.log(JSON.stringify([early, one.a, before <= at && at <= given]));
    later.warn({}, "two");
    process.exit(0);
  `;
  const path = join(dir, "later.log");
  const fd = openSync(path, "a");
  try {
    const ran = Bun.spawnSync([process.execPath, "-e", script, path], { stdout: "pipe", stderr: fd });
    expect(ran.stdout.toString()).toBe("[0,1,true]\n");
  } finally {
    closeSync(fd);
  }
  expect(readFileSync(path, "utf8").match(/"msg":"(\w+)"/g)).toEqual(['"msg":"one"', '"msg":"two"']);
});
