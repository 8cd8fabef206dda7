import { expect, test } from "bun:test";
import { until } from "../../test/until.ts";
import { FakeClock, systemClock } from "../kernel/clock.ts";
import type { HealthSpec, Verdict } from "./health.ts";
import type { LogRecord } from "./logs/record.ts";
import { runCommand } from "./command.ts";
import { type ProberOptions, startProber } from "./prober.ts";

const health: HealthSpec = {
  gracePeriodMs: 0,
  intervalMs: 1000,
  timeoutMs: 500,
  failureThreshold: 3,
  successThreshold: 1,
  onUnready: "restart",
};
const OK = [{ from: 200, to: 399 }];

class Log {
  private readonly listeners = new Set<(record: LogRecord) => void>();
  readonly subscribe = (listener: (record: LogRecord) => void): (() => void) => {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  };
  get readers(): number {
    return this.listeners.size;
  }
  say(message: string, over: Partial<LogRecord> = {}): void {
    const record: LogRecord = { timestamp: "", service: "x", replica: 0, source: "stdout", seq: 1, message, ...over };
    for (const listener of this.listeners) listener(record);
  }
}

function probing(spec: Partial<HealthSpec>, over: Partial<ProberOptions> = {}) {
  const verdicts: Verdict[] = [];
  const rounds: string[] = [];
  const prober = startProber({
    health: { ...health, ...spec },
    run: (run) => runCommand({ ...run, cwd: "/", env: { PATH: "/usr/bin:/bin" }, clock: systemClock() }),
    clock: systemClock(),
    onVerdict: (verdict) => verdicts.push(verdict),
    onRound: (detail) => rounds.push(detail),
    ...over,
  });
  return { prober, verdicts, rounds };
}

const never = { pattern: "never", sources: ["stdout"] } as const;

test("looks at the start, after 6, 12, 25, 50, 100 … ms, then every interval; one failure an interval counts", async () => {
  const clock = new FakeClock();
  const at: number[] = [];
  const verdicts: [number, boolean][] = [];
  const { prober } = probing(
    { log: never },
    {
      clock,
      subscribeLog: new Log().subscribe,
      onRound: () => at.push(clock.monotonic()),
      onVerdict: ({ ready }) => verdicts.push([clock.monotonic(), ready]),
    },
  );
  await clock.advance(6000);
  expect(at).toEqual([0, 6.25, 12.5, 25, 50, 100, 200, 400, 800, 1600, 2600, 3600, 4600, 5600]);
  expect(verdicts).toEqual([[3600, false]]);
  prober.stop();
  expect(clock.pendingTimers).toBe(0);
});

test("a log line counts at once, once for the start, and only from where it was asked for", async () => {
  const clock = new FakeClock();
  const log = new Log();
  const { verdicts, rounds } = probing(
    { log: { pattern: "^up$", sources: ["stdout"], levels: ["info"] } },
    { clock, subscribeLog: log.subscribe },
  );
  await clock.advance(5);
  log.say("up", { source: "stderr" });
  log.say("up", { source: "orco" });
  log.say("up", { level: "error" });
  log.say("not up");
  await clock.advance(0);
  expect(verdicts).toEqual([]);
  log.say("up");
  await clock.advance(0);
  expect(verdicts).toEqual([{ ready: true, detail: 'log matched "^up$"' }]);
  expect([log.readers, clock.pendingTimers]).toEqual([0, 0]);
  expect(rounds.length).toBe(2);
});

test("a resumed instance is not told ready again, and its line counts as seen", async () => {
  const clock = new FakeClock();
  const { verdicts, prober } = probing({ log: never }, { clock, subscribeLog: new Log().subscribe, resumed: true });
  await clock.advance(60_000);
  expect(verdicts).toEqual([]);
  prober.stop();
});

test("http: ready when it answers, with what it answered; unready when it stops", async () => {
  let status = 503;
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("body", { status }) });
  const http = { url: `http://127.0.0.1:${server.port}/health?key=secret`, expectStatus: OK, method: "GET", headers: {} };
  const { verdicts, rounds, prober } = probing({ http, intervalMs: 10, failureThreshold: 2 });
  await until("a refusal", () => rounds.some((detail) => /^503 Service Unavailable \/health \(\d+ms\)$/.test(detail)));
  await until("unready", () => verdicts.length === 1);
  status = 200;
  await until("ready", () => verdicts.length === 2);
  expect(verdicts[1]).toMatchObject({ ready: true, detail: expect.stringMatching(/^200 OK \/health \(avg \d+ms\)$/) });
  const { port } = server;
  await server.stop(true);
  await until("unready again", () => verdicts.length === 3);
  expect(verdicts[2]).toEqual({ ready: false, detail: `http GET http://127.0.0.1:${port}/health refused` });
  prober.stop();
});

test("the expression decides, and names what failed", async () => {
  const clock = new FakeClock();
  const log = new Log();
  const tcp = { address: "127.0.0.1:1" };
  const { verdicts, prober } = probing(
    { tcp, log: { pattern: "up", sources: ["stdout"] }, expression: "log || tcp" },
    { clock, subscribeLog: log.subscribe },
  );
  log.say("up");
  await until("ready", () => verdicts.length === 1);
  expect(verdicts).toEqual([{ ready: true, detail: 'log matched "up"' }]);
  prober.stop();
});

test("after stop nothing is told and nothing runs", async () => {
  const { verdicts, rounds, prober } = probing({ command: { command: ["sleep", "3600"] } });
  prober.stop();
  await until("the command to be gone", () => !Bun.spawnSync(["pgrep", "-P", String(process.pid), "-x", "sleep"]).stdout.toString());
  expect([verdicts, rounds]).toEqual([[], []]);
});

test("whoever asks how it is at this moment has an answer in the time of a probe, whatever keeps the command", async () => {
  const clock = new FakeClock();
  const signals: AbortSignal[] = [];
  // As in a container while docker is away: it waits.
  const run: ProberOptions["run"] = ({ signal }) =>
    new Promise((_, reject) => {
      if (!signal) return;
      signals.push(signal);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  const { prober } = probing({ command: { command: ["true"], timeoutMs: 700 } }, { clock, run });
  const answers = [prober.look(), prober.look()];
  await clock.advance(700);
  expect(await Promise.all(answers)).toEqual([false, false]);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  prober.stop();
  const patient = probing({ command: { command: ["true"], timeoutMs: 30_000 } }, { clock, run }).prober;
  const answer = patient.look();
  await clock.advance(2000);
  expect(await answer).toBe(false);
  patient.stop();
  expect(clock.pendingTimers).toBe(0);
});
