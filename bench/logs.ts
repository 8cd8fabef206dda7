/**
 * Ten processes write numbered lines as fast as they can into their spools; the store reads, parses, indexes and keeps
 * them meanwhile, on the same two or so cores. Then every line is read back and checked, and the log is searched.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../src/kernel/clock.ts";
import type { LogQuery } from "../src/supervise/logs/record.ts";
import { LogStore } from "../src/supervise/logs/store.ts";
import { type Contest, contest } from "./logs-peers.ts";
import { type BenchOptions, quantile, type Report } from "./table.ts";

const STREAMS = 10;
const LINES_EACH = 600_000;
const IDLE_STREAMS = 200;
const IDLE_MS = 10_000;
const SINCE_ROUNDS = 20;
const LOGGING = { maxFileSizeBytes: 64 * 1024 * 1024, maxFiles: 1000, format: "auto" as const };

export async function run(options: BenchOptions = {}): Promise<Report> {
  const peers = await contest(options);
  const dir = mkdtempSync(join(tmpdir(), "orco-bench-logs-"));
  const store = new LogStore({ root: join(dir, "logs"), clock: systemClock(), onError: (error) => fail(error.message) });
  try {
    const silent = await idle(dir);
    const flooded = await flood(store, dir);
    const checked = await check(store);
    const searched = await search(store, flooded.middle);
    const bytes = sizeOf(join(dir, "logs"));
    return withPeers(report({ ...flooded, ...checked, ...searched, ...silent, bytes }), peers);
  } finally {
    store.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Flooded {
  readonly linesPerS: number;
  readonly middle: number;
  /** How long others had to wait for the event loop meanwhile, ms. */
  readonly holdP99: number;
  readonly holdMax: number;
  readonly rssMiB: number;
}

async function flood(store: LogStore, dir: string): Promise<Flooded> {
  const started = Date.now();
  const from = performance.now();
  const holds = watchHolds();
  const attached = Array.from({ length: STREAMS }, (_, i) => {
    const spools = spoolsOf(dir, `flood-${i}`);
    const writer = Bun.spawn([
      "sh",
      "-c",
      `exec seq -f 'line %.0f of stream ${i}, as short as many are' 1 ${LINES_EACH} >>'${spools.stdout}'`,
    ]);
    return { writer, attachment: service(store, `s${i}`).attach({ instance: `flood-${i}`, replica: 0, spools }) };
  });
  await Promise.all(attached.map(({ writer }) => writer.exited));
  await Promise.all(attached.map(({ attachment }) => attachment.finish()));
  const seconds = (performance.now() - from) / 1000;
  const late = holds.stop();
  return {
    linesPerS: (STREAMS * LINES_EACH) / seconds,
    middle: Math.round((started + Date.now()) / 2),
    holdP99: quantile(late, 0.99),
    holdMax: Math.max(...late),
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
  };
}

/** How late a timer of 5 ms comes. */
function watchHolds(): { stop(): number[] } {
  const late: number[] = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    late.push(Math.max(0, now - last - 5));
    last = now;
  }, 5);
  return {
    stop() {
      clearInterval(timer);
      return late;
    },
  };
}

/** Every line of every stream once and in order, or the bench fails. */
async function check(store: LogStore): Promise<{ readPerS: number }> {
  const from = performance.now();
  for (let i = 0; i < STREAMS; i++) {
    let seq = 0;
    for await (const record of read(store, {}, [`s${i}`])) {
      seq += 1;
      if (record.seq !== seq || record.message !== `line ${seq} of stream ${i}, as short as many are`)
        fail(`s${i}: ${seq} is ${JSON.stringify(record)}`);
    }
    if (seq !== LINES_EACH) fail(`s${i}: ${seq} of ${LINES_EACH} lines`);
  }
  return { readPerS: (STREAMS * LINES_EACH) / ((performance.now() - from) / 1000) };
}

async function search(store: LogStore, middle: number): Promise<{ sinceP50: number; sinceMax: number; tailMs: number; grepPerS: number }> {
  const since: number[] = [];
  for (let round = 0; round < SINCE_ROUNDS; round++) since.push(await firstMs(store, { sinceMs: middle + round }));
  const tailFrom = performance.now();
  const tail = await Array.fromAsync(read(store, { tail: 100 }));
  const tailMs = performance.now() - tailFrom;
  if (tail.length !== 100) fail(`tail found ${tail.length}`);
  const grepFrom = performance.now();
  const found = await Array.fromAsync(read(store, { grep: "line 599999 of" }));
  if (found.length !== STREAMS) fail(`grep found ${found.length}`);
  return {
    sinceP50: quantile(since, 0.5),
    sinceMax: Math.max(...since),
    tailMs,
    grepPerS: (STREAMS * LINES_EACH) / ((performance.now() - grepFrom) / 1000),
  };
}

async function firstMs(store: LogStore, query: LogQuery): Promise<number> {
  const from = performance.now();
  const records = read(store, query)[Symbol.asyncIterator]();
  if ((await records.next()).done) fail("nothing since the middle");
  const ms = performance.now() - from;
  await records.return?.();
  return ms;
}

/** Share of a core that a store of silent streams costs, after they have been silent for a while, beyond what the runtime uses without. */
async function idle(dir: string): Promise<{ idle: number; runtime: number }> {
  await Bun.sleep(2000);
  const runtime = await shareOfCore();
  const store = new LogStore({ root: join(dir, "idle"), clock: systemClock(), onError: (error) => fail(error.message) });
  for (let i = 0; i < IDLE_STREAMS / 2; i++) {
    service(store, `idle${i}`).attach({ instance: `idle-${i}`, replica: 0, spools: spoolsOf(dir, `idle-${i}`) });
  }
  await Bun.sleep(5000);
  const all = await shareOfCore();
  store.close();
  return { idle: all - runtime, runtime };
}

async function shareOfCore(): Promise<number> {
  const before = process.cpuUsage();
  await Bun.sleep(IDLE_MS);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / IDLE_MS;
}

function spoolsOf(dir: string, instance: string): { stdout: string; stderr: string } {
  const home = join(dir, "instances", instance);
  mkdirSync(home, { recursive: true });
  const spools = { stdout: join(home, "stdout.spool"), stderr: join(home, "stderr.spool") };
  for (const spool of Object.values(spools)) writeFileSync(spool, "");
  return spools;
}

function service(store: LogStore, name: string) {
  return store.service({ stack: "bench", service: name, logging: LOGGING, secrets: [] });
}

function read(store: LogStore, query: LogQuery, services?: string[]) {
  return store.query({ stack: "bench", ...(services && { services }), query, signal: new AbortController().signal });
}

function sizeOf(dir: string): number {
  const names = readdirSync(dir, { recursive: true, encoding: "utf8" });
  return names.reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
}

function fail(why: string): never {
  throw new Error(why);
}

function report(
  all: Flooded & {
    readPerS: number;
    sinceP50: number;
    sinceMax: number;
    tailMs: number;
    grepPerS: number;
    bytes: number;
    idle: number;
    runtime: number;
  },
): Report {
  const total = `${STREAMS} × ${LINES_EACH.toLocaleString("en-US")} lines`;
  const gigabytes = `${(all.bytes / 1e9).toFixed(2)} GB`;
  return {
    title: `logs: ${total} of ${STREAMS} writing processes, ${gigabytes} on disk with the index`,
    columns: ["what", "value", "unit"],
    rows: [
      ["ingested, parsed, indexed while written", all.linesPerS, "lines/s"],
      ["event loop held by it, p99", all.holdP99, "ms"],
      ["event loop held by it, longest", all.holdMax, "ms"],
      ["RSS after the flood", all.rssMiB, "MiB"],
      ["read back whole", all.readPerS, "lines/s"],
      [`first line since the middle of ${gigabytes}, p50`, all.sinceP50, "ms"],
      [`first line since the middle of ${gigabytes}, slowest`, all.sinceMax, "ms"],
      ["last 100 of ten services merged", all.tailMs, "ms"],
      ["grep over all", all.grepPerS, "lines/s"],
      [`${IDLE_STREAMS} silent streams`, all.idle * 100, "% of a core"],
      ["the idle runtime without them", all.runtime * 100, "% of a core"],
    ],
    targets: [
      { claim: "ingested", value: all.linesPerS, limit: 300_000, unit: "lines/s", must: ">=" },
      { claim: "first line of a since-query", value: all.sinceMax, limit: 100, unit: "ms", must: "<=" },
      { claim: "200 silent streams", value: all.idle * 100, limit: 0.2, unit: "% of a core", must: "<=" },
    ],
    notes: [
      "every line was read back and compared: none lost, none twice, none out of order",
      "the log is in the page cache when it is searched; the index, not its size, decides the first line",
      "the writers run on the same cores meanwhile: how long the event loop is held includes waiting for a core; the idle figure is what comes on top of the idle runtime",
    ],
    raw: all,
  };
}

function withPeers(own: Report, { rows, notes, versions, raw }: Contest): Report {
  return {
    ...own,
    rows: [...own.rows, ...rows],
    notes: [...(own.notes ?? []), ...notes],
    peers: versions,
    raw: { own: own.raw, peers: raw },
  };
}
