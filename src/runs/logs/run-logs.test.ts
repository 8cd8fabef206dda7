import { afterEach, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../../kernel/clock.ts";
import { messageOf, type OrcoError } from "../../kernel/errors.ts";
import type { LogLine } from "../ports.ts";
import type { RunLogRecord } from "./line.ts";
import type { RunLogQuery } from "./query.ts";
import { RunLogs } from "./run-logs.ts";
import { MAX_LOG_BYTES } from "./segments.ts";

const { signal } = new AbortController();

class Rig {
  readonly clock = new FakeClock();
  readonly errors: OrcoError[] = [];
  readonly ended = new Set<string>();
  logs: RunLogs;

  constructor(readonly home = mkdtempSync(join(tmpdir(), "orco-run-logs-"))) {
    this.logs = this.opened();
  }

  opened(): RunLogs {
    const hasEnded = (run: string): boolean => this.ended.has(run);
    return new RunLogs({
      home: this.home,
      clock: this.clock,
      hasEnded,
      secrets: ["hunter22"],
      onError: (error) => this.errors.push(error),
    });
  }

  line(message: string, more: Partial<LogLine> = {}): LogLine {
    return { at: this.clock.now(), step: "a", attempt: 1, source: "stdout", message, ...more };
  }

  read(query: Partial<RunLogQuery> = {}, run = "r1"): Promise<RunLogRecord[]> {
    return Array.fromAsync(this.logs.read(run, { signal, ...query }));
  }

  async messages(query: Partial<RunLogQuery> = {}): Promise<string[]> {
    return (await this.read(query)).map(({ message }) => message);
  }

  get folder(): string {
    return join(this.home, "runs", "r1");
  }
}

const rigs: Rig[] = [];
function rig(): Rig {
  const made = new Rig();
  rigs.push(made);
  return made;
}
afterEach(() => {
  for (const { logs, home } of rigs.splice(0)) {
    logs.close();
    rmSync(home, { recursive: true, force: true });
  }
});

test("lines come back as they were said, without secrets", async () => {
  const { logs, line, read } = bound(rig());
  logs.append("r1", [line("one"), line("pass hunter22", { level: "warning", source: "stderr" })]);
  logs.append("r1", [line('two \u2028 "quoted"\\ \u0000', { step: "b[3]", attempt: 2, source: "orco" })]);
  expect(await read()).toEqual([
    { timestamp: "2026-01-01T00:00:00.000Z", seq: 1, step: "a", attempt: 1, source: "stdout", message: "one" },
    { timestamp: "2026-01-01T00:00:00.000Z", seq: 2, step: "a", attempt: 1, source: "stderr", level: "warn", message: "pass [redacted]" },
    { timestamp: "2026-01-01T00:00:00.000Z", seq: 3, step: "b[3]", attempt: 2, source: "orco", message: 'two \u2028 "quoted"\\ \u0000' },
  ]);
  expect(await read({}, "r2")).toEqual([]);
});

test("filters, and the last few of what matches", async () => {
  const at = rig();
  for (let n = 0; n < 100; n++) {
    at.logs.append("r1", [
      at.line(`n ${n}`, {
        step: n % 2 ? "odd" : `even[${n}]`,
        source: n % 5 ? "stdout" : "stderr",
        ...(n % 10 === 0 && { level: "error" }),
      }),
    ]);
    await at.clock.advance(1);
  }
  expect((await at.read({ step: "even", level: "warn" })).map(({ seq }) => seq)).toEqual([1, 11, 21, 31, 41, 51, 61, 71, 81, 91]);
  expect(await at.messages({ grep: "^n 9[0-3]$" })).toEqual(["n 90", "n 91", "n 92", "n 93"]);
  expect(await at.messages({ tail: 2 })).toEqual(["n 98", "n 99"]);
  expect(await at.messages({ tail: 2, source: "stderr" })).toEqual(["n 90", "n 95"]);
  expect(await at.messages({ tail: 0 })).toEqual([]);
  expect(await at.messages({ tail: 1000, after: 98 })).toEqual(["n 98", "n 99"]);
  expect(await at.messages({ sinceMs: at.clock.now() - 1 })).toEqual(["n 99"]);
  expect(await at.messages({ step: "od" })).toEqual([]);
  expect(() => at.logs.read("r1", { signal, level: "loud" })).toThrow("loud");
  expect(await at.read({}, "../r1").catch(messageOf)).toContain("is no id");
});

test("a follower gets what comes, and ends with the run", async () => {
  const at = rig();
  at.logs.append("r1", [at.line("before")]);
  const got: string[] = [];
  const first = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const { message } of at.logs.read("r1", { signal, follow: true })) {
      got.push(message);
      first.resolve();
    }
  })();
  await first.promise;
  at.logs.append("r1", [at.line("after")]);
  await Promise.resolve();
  at.logs.append("r1", [at.line("last")]);
  at.ended.add("r1");
  at.logs.end("r1");
  await reading;
  expect(got).toEqual(["before", "after", "last"]);
});

test("an aborted follower ends", async () => {
  const at = rig();
  const abort = new AbortController();
  const reading = Array.fromAsync(at.logs.read("r1", { signal: abort.signal, follow: true }));
  abort.abort();
  expect(await reading).toEqual([]);
});

test("what a killed writer left half is not there, and lines told again are kept once", async () => {
  const at = rig();
  at.logs.append("r1", [at.line("one", { offset: 4 }), at.line("two", { offset: 8 }), at.line("err", { source: "stderr", offset: 4 })]);
  await Promise.resolve();
  const [name = ""] = readdirSync(at.folder);
  appendFileSync(join(at.folder, name), '{"seq":4,"at":1,"step":"a","att');
  at.logs = at.opened();
  at.logs.append("r1", [at.line("two", { offset: 8 }), at.line("three", { offset: 14 }), at.line("err", { source: "stderr", offset: 4 })]);
  at.logs.append("r1", [at.line("two", { offset: 8, attempt: 2 })]);
  expect((await at.read()).map(({ seq, message }) => [seq, message])).toEqual([
    [1, "one"],
    [2, "two"],
    [3, "err"],
    [4, "three"],
    [5, "two"],
  ]);
});

test("a run keeps so much, its places too, and says what is gone", async () => {
  const at = rig();
  const text = "x".repeat(60_000);
  for (let n = 1; n <= 800; n++) at.logs.append("r1", [at.line(`${n} ${text}`, { offset: n * 60_000 })]);
  await Promise.resolve();
  const bytes = readdirSync(at.folder).reduce((sum, name) => sum + statSync(join(at.folder, name)).size, 0);
  expect(bytes).toBeLessThanOrEqual(MAX_LOG_BYTES);
  expect(bytes).toBeGreaterThan(MAX_LOG_BYTES / 2);
  const all = await at.read();
  const [first, second] = all;
  expect(first).toMatchObject({
    source: "orco",
    level: "warn",
    message: `${(second?.seq ?? 0) - 1} older lines are gone: a run keeps 32 MiB of its log`,
  });
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => 800 - all.length + 1 + index));
  at.logs.close();
  at.logs = at.opened();
  at.logs.append("r1", [at.line("known", { offset: 800 * 60_000 }), at.line("new", { offset: 800 * 60_000 + 4 })]);
  expect((await at.read({ tail: 1 })).map(({ seq, message }) => [seq, message])).toEqual([[801, "new"]]);
  expect((await at.read({ tail: 3, step: "a" })).map(({ seq }) => seq)).toEqual([799, 800, 801]);
  expect((await at.read({ tail: 100, step: "a" })).length).toBe(100);
});

test("a segment whose first line was never whole: the one before says how far the log goes", async () => {
  const at = rig();
  at.logs.append("r1", [at.line("one", { offset: 4 }), at.line("two", { offset: 8 })]);
  await Promise.resolve();
  await Bun.write(join(at.folder, "log-0000000000000003.ndjson"), '{"places":[["a",1,"stdout",8]]');
  at.logs = at.opened();
  at.logs.append("r1", [at.line("two", { offset: 8 }), at.line("three", { offset: 14 })]);
  expect((await at.read()).map(({ seq, message }) => [seq, message])).toEqual([
    [1, "one"],
    [2, "two"],
    [3, "three"],
  ]);
  expect(readdirSync(at.folder)).toEqual(["log-0000000000000001.ndjson"]);
});

test("a removed log is gone with its folder", async () => {
  const at = rig();
  at.logs.append("r1", [at.line("one")]);
  await at.read();
  at.logs.append("r1", [at.line("two")]);
  at.logs.remove("r1");
  await Promise.resolve();
  expect(existsSync(at.folder)).toBe(false);
});

function bound(at: Rig): { logs: RunLogs; line: Rig["line"]; read: Rig["read"] } {
  return { logs: at.logs, line: at.line.bind(at), read: at.read.bind(at) };
}
