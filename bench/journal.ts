/**
 * The journal against the floor of the disk it lies on, in interleaved rounds: what one write + fsync costs, what SQLite at
 * synchronous=FULL costs with a row per commit, and what group commit makes of it.
 */
import { Database } from "bun:sqlite";
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/kernel/clock.ts";
import { Journal } from "../src/kernel/journal.ts";
import { median, quantile, type BenchOptions, type Report } from "./table.ts";

const ROUNDS = 5;
const SINGLES = 400;
const BULK_EVENTS = 40_000;
const APPENDERS = 1000;
const TOPICS = 50;
/** What a one-row commit writes to the log of SQLite: two pages with their frame headers. */
const FSYNC_BYTES = 2 * (4096 + 24);

const EVENT_DATA = { instance: "0198f2c4-7d1e-7a3b-9c55-2f0a6b1c8d9e", pid: 31_337, state: "Running", reason: "probe passed" };

interface Round {
  readonly fsyncMs: readonly number[];
  readonly sqliteMs: readonly number[];
  readonly appendMs: readonly number[];
  readonly durablePerSecond: number;
  readonly rssMiB: number;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  // Beside the results, not in /tmp: that may be memory, where fsync costs nothing.
  const folder = mkdtempSync(join(import.meta.dir, "results", ".journal-"));
  try {
    const rounds: Round[] = [];
    for (let n = 0; n < (options.rounds ?? ROUNDS); n++) rounds.push(await round(join(folder, String(n))));
    return report(rounds);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function round(path: string): Promise<Round> {
  const journal = Journal.open({ path: `${path}.db`, clock: systemClock() });
  await journal.append([{ topic: "bench/warm", type: "bench.event", data: EVENT_DATA }]);
  const fsyncMs = timeFsync(`${path}.raw`);
  const sqliteMs = timeSqlite(`${path}.sqlite`);
  const appendMs = await timeAppend(journal);
  const durablePerSecond = await timeBulk(journal);
  journal.close();
  return { fsyncMs, sqliteMs, appendMs, durablePerSecond, rssMiB: process.memoryUsage.rss() / 2 ** 20 };
}

function timeFsync(path: string): number[] {
  const file = openSync(path, "a");
  const bytes = Buffer.alloc(FSYNC_BYTES, "x");
  const times = Array.from({ length: SINGLES }, () => {
    const started = performance.now();
    writeSync(file, bytes);
    fsyncSync(file);
    return performance.now() - started;
  });
  closeSync(file);
  return times;
}

function timeSqlite(path: string): number[] {
  const db = new Database(path, { create: true });
  for (const sql of ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE t (id INTEGER PRIMARY KEY, data TEXT) STRICT"])
    db.run(sql);
  const insert = db.prepare("INSERT INTO t (data) VALUES (?)");
  const data = JSON.stringify(EVENT_DATA);
  const times = Array.from({ length: SINGLES }, () => {
    const started = performance.now();
    insert.run(data);
    return performance.now() - started;
  });
  insert.finalize();
  db.close();
  return times;
}

async function timeAppend(journal: Journal): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < SINGLES; n++) {
    const started = performance.now();
    await journal.append([{ topic: `bench/${n % TOPICS}`, type: "bench.event", data: EVENT_DATA }]);
    times.push(performance.now() - started);
  }
  return times;
}

/** Each appender waits for its event to be durable before it sends the next one. */
async function timeBulk(journal: Journal): Promise<number> {
  const each = BULK_EVENTS / APPENDERS;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: APPENDERS }, async (_, appender) => {
      const topic = `bench/${appender % TOPICS}`;
      for (let n = 0; n < each; n++) await journal.append([{ topic, type: "bench.event", data: EVENT_DATA }]);
    }),
  );
  return (BULK_EVENTS / (performance.now() - started)) * 1000;
}

function report(rounds: readonly Round[]): Report {
  const fsync = rounds.flatMap(({ fsyncMs }) => fsyncMs);
  const append = rounds.flatMap(({ appendMs }) => appendMs);
  const fsyncRate = 1000 / mean(fsync);
  const durable = median(rounds.map(({ durablePerSecond }) => durablePerSecond));
  const single = (name: string, times: readonly number[]) => {
    const [p50, rate] = [quantile(times, 0.5), 1000 / mean(times)];
    return [name, rate, p50, quantile(times, 0.99), p50 / quantile(fsync, 0.5), rate / fsyncRate];
  };
  return {
    title: `journal: ${rounds.length} rounds, each ${SINGLES} single operations a kind, then ${BULK_EVENTS} events from ${APPENDERS} appenders`,
    columns: ["", "per second", "p50 ms", "p99 ms", "p50 ÷ fsync", "rate ÷ fsync"],
    rows: [
      single("write + fsync (floor)", fsync),
      single(
        "SQLite FULL, one row a commit",
        rounds.flatMap(({ sqliteMs }) => sqliteMs),
      ),
      single("journal, one append at a time", append),
      [`journal, ${APPENDERS} appenders`, durable, undefined, undefined, undefined, durable / fsyncRate],
    ],
    targets: [
      { claim: "durable events with many appenders (median round)", value: durable, limit: 50_000, unit: "events/s", must: ">=" },
      { claim: "single append p50 ÷ fsync p50", value: quantile(append, 0.5) / quantile(fsync, 0.5), limit: 2, unit: "×", must: "<=" },
    ],
    notes: [
      `every event is on disk before its append resolves; RSS of the bench at most ${Math.round(Math.max(...rounds.map(({ rssMiB }) => rssMiB)))} MiB`,
    ],
    raw: rounds.map(({ fsyncMs, sqliteMs, appendMs, ...rest }) => ({
      ...rest,
      fsyncP50Ms: median(fsyncMs),
      sqliteP50Ms: median(sqliteMs),
      appendP50Ms: median(appendMs),
      appendP99Ms: quantile(appendMs, 0.99),
    })),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
