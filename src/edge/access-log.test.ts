import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../kernel/clock.ts";
import { AccessLog } from "./access-log.ts";
import type { AccessRecord } from "./http/service.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "orco-access-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function record(path: string): AccessRecord {
  return {
    time: "2026-01-01T00:00:00.000Z",
    client: "127.0.0.1",
    method: "GET",
    host: "a.test",
    path,
    status: 200,
    bytes_in: 0,
    bytes_out: 2,
    duration_ms: 1,
    request_id: "r",
    user_agent: "",
    retries: 0,
  };
}

function linesOf(path: string): string[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as AccessRecord).path);
}

test("lines are on disk within 100 ms, whole, after those of others", async () => {
  const clock = new FakeClock();
  const path = join(folder, "access.log");
  const [one, other] = [new AccessLog(clock, () => undefined), new AccessLog(clock, () => undefined)];
  one.use(path);
  other.use(path);
  one.writer?.(record("/1"));
  other.writer?.(record("/2"));
  await clock.advance(100);
  one.writer?.(record("/3"));
  await clock.advance(100);
  expect(linesOf(path)).toEqual(["/1", "/2", "/3"]);
});

test("a file that was renamed away is opened anew", async () => {
  const clock = new FakeClock();
  const path = join(folder, "access.log");
  const log = new AccessLog(clock, () => undefined);
  log.use(path);
  log.writer?.(record("/1"));
  await clock.advance(100);
  renameSync(path, `${path}.1`);
  log.writer?.(record("/2"));
  await clock.advance(100);
  expect([linesOf(`${path}.1`), linesOf(path)]).toEqual([["/1"], ["/2"]]);
});

test("without a file nothing is recorded; what was said before it is taken away is written", () => {
  const log = new AccessLog(new FakeClock(), () => undefined);
  expect(log.writer).toBeUndefined();
  const path = join(folder, "access.log");
  log.use(path);
  log.writer?.(record("/1"));
  log.use(undefined);
  expect(linesOf(path)).toEqual(["/1"]);
  expect(log.writer).toBeUndefined();
});

test("a file that cannot be written is told of once, and written again when it can be", async () => {
  const clock = new FakeClock();
  const warned: string[] = [];
  const log = new AccessLog(clock, (message) => warned.push(message));
  const gone = join(folder, "sub");
  log.use(join(gone, "access.log"));
  for (const path of ["/1", "/2"]) {
    log.writer?.(record(path));
    await clock.advance(100);
  }
  expect(warned).toHaveLength(1);
  expect(warned[0]).toContain(gone);
});

test("what a terminal would obey is escaped", () => {
  const path = join(folder, "access.log");
  const log = new AccessLog(new FakeClock(), () => undefined);
  log.use(path);
  log.writer?.(record("/\u009b2J\u007f\u001b[2Jä"));
  log.flush();
  expect(readFileSync(path, "utf8")).toMatch(/^[ -~ä]+\n$/);
  expect(linesOf(path)).toEqual(["/\u009b2J\u007f\u001b[2Jä"]);
});
