/** A service that says 100,000 or 300,000 lines a second, followed through a real daemon by one reader that checks every line and how late it comes. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Daemon, ORCO } from "./logs-daemon.ts";
import { execute } from "./peers/execute.ts";
import { type BenchOptions, type Cell, quantile, type Report } from "./table.ts";

const RATES = [100_000, 300_000];
const SECONDS = 8;
const PATIENCE_MS = 30_000;

export async function run(_options: BenchOptions = {}): Promise<Report> {
  const rows: Cell[][] = [];
  const all: Followed[] = [];
  for (const rate of RATES) {
    const followed = await follow(rate);
    all.push(followed);
    const { p50, p99, worst, cpu, peakMiB, linesPerS } = followed;
    rows.push([`${rate.toLocaleString("en-US")} lines/s`, linesPerS, p50, p99, worst, cpu * 100, peakMiB]);
  }
  return {
    title: `logs-follow: one follower over HTTP of a service that says so many lines a second for ${SECONDS} s`,
    columns: ["said", "received (lines/s)", "late p50 (ms)", "p99 (ms)", "worst (ms)", "daemon (% of a core)", "daemon peak RSS (MiB)"],
    rows,
    targets: [
      { claim: "received of 100,000 lines/s", value: all[0]?.linesPerS, limit: 95_000, unit: "lines/s", must: ">=" },
      { claim: "how late, p99", value: all[0]?.p99, limit: 100, unit: "ms", must: "<=" },
    ],
    notes: ["every line was checked: none lost, none dropped, none twice; the service, the daemon and the reader share the cores"],
    raw: all,
  };
}

interface Followed {
  readonly linesPerS: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
  readonly cpu: number;
  readonly peakMiB: number;
}

async function follow(rate: number): Promise<Followed> {
  const dir = mkdtempSync(join(tmpdir(), "orco-bench-logs-follow-"));
  try {
    mkdirSync(join(dir, "state"));
    const command = [process.execPath, join(import.meta.dir, "programs/log-flood.ts"), `${rate}`, `${rate * SECONDS}`];
    const service = `  much:\n    command: ${JSON.stringify(command)}\n    logging: { maxFileSize: 64Mi, maxFiles: 100 }\n`;
    const file = join(dir, "stack.yaml");
    await Bun.write(file, `version: 0.1\nstack: { name: follow }\nservices:\n${service}`);
    await using daemon = await Daemon.begin(dir);
    await execute([ORCO, "-f", file, "up", "-d", "--wait"], { env: daemon.env, timeoutMs: PATIENCE_MS });
    return await read(daemon, rate * SECONDS);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function read(daemon: Daemon, lines: number): Promise<Followed> {
  const from = { at: performance.now(), cpu: daemon.cpu() };
  const gone = new AbortController();
  const answer = await daemon.logs("follow", "follow=true", gone.signal);
  const late: number[] = [];
  const decoder = new TextDecoder();
  let [rest, next] = ["", 0];
  for await (const chunk of answer.body ?? []) {
    const text = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = text.pop() ?? "";
    for (const line of text) {
      const said = /(\d{13}) line (\d+) of/.exec(line);
      if (!said) continue;
      if (Number(said[2]) !== next++) throw new Error(`${line} instead of line ${next - 1}`);
      late.push(Date.now() - Number(said[1]));
    }
    if (next === lines) break;
  }
  gone.abort();
  const seconds = (performance.now() - from.at) / 1000;
  const cpu = (daemon.cpu() - from.cpu) / seconds;
  const worst = late.reduce((most, ms) => Math.max(most, ms), 0);
  return { linesPerS: lines / seconds, p50: quantile(late, 0.5), p99: quantile(late, 0.99), worst, cpu, peakMiB: daemon.memory().peak };
}
