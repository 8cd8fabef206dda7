import { describe, expect, test } from "bun:test";
import type { LogRecord } from "../supervise/logs/record.ts";
import { runView } from "./daemon.fake.ts";
import { eventLine } from "./event-line.ts";
import { logLine } from "../terminal/log-line.ts";
import { planText } from "./plan-text.ts";
import { progressLine } from "./progress-line.ts";
import { runDetail, runsTable } from "./runs.ts";
import { clockTime } from "../terminal/clock-time.ts";
import { timeOption } from "./time.ts";

const at = "2026-01-01T10:00:03.000Z";
const hms = clockTime(at);
const record: LogRecord = { timestamp: at, service: "api", replica: 2, message: "hello", source: "stdout", seq: 1 };

describe("a log line", () => {
  test("is time, service/replica and message", () => expect(logLine(record)).toBe(`${hms} api/2 | hello`));

  test("has the fields of a structured line behind its message", () => {
    const meta = { url: "/x", ms: 3, err: "no such table", at: { line: 1 } };
    expect(logLine({ ...record, meta })).toBe(`${hms} api/2 | hello url=/x ms=3 err="no such table" at={"line":1}`);
    expect(logLine({ ...record, meta: { partial: true } })).toBe(`${hms} api/2 | hello`);
    expect(logLine({ ...record, source: "orco", meta: { dropped: 3 } })).toBe(`${hms} api/2 | hello`);
  });

  test("of several lines cannot pass for another service's", () => {
    expect(logLine({ ...record, message: "a\n10:00:03 db/1 | b" })).toBe(`${hms} api/2 | a\n${hms} api/2 | 10:00:03 db/1 | b`);
  });

  test("has the service's colour, and its own colours kept, on a terminal", () => {
    const line = logLine({ ...record, message: "\x1b[32mok" }, { color: true });
    expect(line).toMatch(/^\S+ \x1b\[\d+mapi\/2\x1b\[0m \| \x1b\[32mok\x1b\[0m$/); // oxlint-disable-line no-control-regex
    expect(logLine({ ...record, level: "error" }, { color: true })).toEndWith("\x1b[31mhello\x1b[0m");
  });
});

test("an event line has who, what and why", () => {
  const event = { id: "1-1", seq: 1, ts: at, topic: "stack/demo", type: "instance.pending", stack: "demo" };
  expect(
    eventLine({ ...event, service: "api", replica: 1, reason: "restart", message: "exit 1", afterMs: 500, instance: "i", restarts: 0 }),
  ).toBe(`${hms} api/1 instance.pending restart: exit 1 afterMs=500`);
  expect(eventLine({ ...event, type: "stack.\x1b[2Jup" })).toBe(`${hms} demo stack.up`);
  expect(eventLine({ ...event, topic: "run/0190aaaa-bbbb", type: "run.started", run: "0190aaaa-bbbb" })).toBe(
    `${hms} run a-bbbb run.started`,
  );
});

test("a line of progress is short, and bookkeeping has none", () => {
  const event = { id: "1-1", seq: 1, ts: at, topic: "stack/demo", stack: "demo", service: "api", replica: 0, pid: 4711 };
  const line = (type: string, facts: object = {}): string | undefined => progressLine({ ...event, type, ...facts });
  expect(line("instance.running", { reason: "initial_start", slot: "s", restarts: 2 })).toBe(`${hms} api/0 running (pid 4711)`);
  expect(line("instance.ready", { reason: "probe_ready", message: "200 OK /health (2ms)" })).toBe(
    `${hms} api/0 ready: 200 OK /health (2ms)`,
  );
  expect(line("instance.waiting", { reason: "initial_start", message: "waiting for db (ready)" })).toBe(
    `${hms} api/0 waiting for db (ready)`,
  );
  expect(line("instance.stopped", { reason: "completed" })).toBe(`${hms} api/0 completed`);
  expect(line("instance.stopped", { reason: "stopped", exit: { signal: "SIGKILL" } })).toBe(`${hms} api/0 stopped (killed)`);
  expect(line("instance.pending", { message: "exit code 3; restarting\nin 1s" })).toBe(`${hms} api/0 exit code 3; restarting in 1s`);
  const quiet = [
    "instance.wanted",
    "instance.created",
    "instance.starting",
    "instance.pending",
    "step.running",
    "run.completed",
    "new.one",
  ];
  expect(quiet.map((type) => line(type))).toEqual(quiet.map(() => undefined));
});

test("a plan without changes says so", () => {
  expect(planText({ stack: "demo", changes: 0, warnings: [], services: [{ service: "a", action: "unchanged", fields: [] }] })).toBe(
    "demo: nothing to change",
  );
});

test("a plan names added and removed fields", () => {
  const fields = [
    { path: "env.A", to: "1" },
    { path: "env.B", from: 2 },
  ];
  expect(planText({ stack: "demo", changes: 1, warnings: [], services: [{ service: "a", action: "change", fields }] })).toBe(
    "~ a (change)\n    env.A: 1 (new)\n    env.B: 2 (removed)\n1 to change, 0 unchanged",
  );
});

test("runs as a table, one with its steps", () => {
  const run = runView({ status: "failed", createdAt: at, error: { code: "blocked", message: "api blocked\nlast lines of its log:" } });
  const [now, began] = [Date.parse(at) + 90_000, { startedAt: at }];
  expect(runsTable([{ ...run, ...began, steps: [] }], undefined, now)).toBe(
    `RUN  KIND   STATUS  AT        TOOK   ABOUT  MESSAGE\nr1   apply  failed  ${hms}  1m30s  demo   api blocked`,
  );
  expect(runsTable([run], undefined, now + 2 * 86_400_000)).toContain(`failed  2026-01-01 ${hms}  -     demo`);
  expect(runDetail({ ...run, steps: [{ id: "start db", status: "completed", attempt: 2, ...began }] }, now)).toBe(
    "r1  apply demo  failed\n  STEP      STATUS     TRY  TOOK   MESSAGE\n  start db  completed  2    1m30s\n  api blocked\n  last lines of its log:",
  );
});

test("times: ago, RFC 3339, and nothing else", () => {
  expect(timeOption("10m", "--since", 1_000_000)).toBe(400_000);
  expect(timeOption("2026-01-01T00:00:00Z", "--since", 0)).toBe(Date.UTC(2026, 0, 1));
  for (const wrong of ["10", "yesterday", "1", ""]) expect(() => timeOption(wrong, "--since", 0)).toThrow("--since takes");
});
