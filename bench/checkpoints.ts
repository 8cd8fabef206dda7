/**
 * Checkpoints of workers over HTTP, each on disk before its answer: many clients with a run of their own, and one alone beside what the disk takes for
 * one write and fsync.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { contest, middle } from "./durable/contest.ts";
import { orco } from "./durable/orco.ts";
import { Ground } from "./peers/stack.ts";
import { median, quantile, type BenchOptions, type Report } from "./table.ts";

const ROUNDS = 3;
const LOADED = { clients: 50, seconds: 4 };
const ALONE = { clients: 1, seconds: 3 };
const SYNCS = 400;
/** What a commit of one checkpoint writes to the log of SQLite: pages of two tables and their indexes, with frame headers. */
const SYNC_BYTES = 4 * (4096 + 24);

export async function run(options: BenchOptions = {}): Promise<Report> {
  const results = join(import.meta.dir, "results");
  mkdirSync(results, { recursive: true });
  // Beside the results, not in /tmp: that may be memory, where fsync costs nothing.
  const ground = new Ground(results);
  const floors: number[][] = [];
  try {
    const records = [];
    const versions: { [engine: string]: string } = {};
    for (let round = 0; round < (options.rounds ?? ROUNDS); round++) {
      floors.push(timeFsync(join(ground.root, "floor")));
      const one = await contest(ground, [orco], { scenes: ["checkpoint"], loaded: LOADED, alone: ALONE, rounds: 1 });
      records.push(...one.records);
      Object.assign(versions, one.versions);
    }
    return report(records, floors, versions);
  } finally {
    await ground.close();
  }
}

function timeFsync(path: string): number[] {
  const file = openSync(path, "a");
  const bytes = Buffer.alloc(SYNC_BYTES, "x");
  const times = Array.from({ length: SYNCS }, () => {
    const started = performance.now();
    writeSync(file, bytes);
    fsyncSync(file);
    return performance.now() - started;
  });
  closeSync(file);
  return times;
}

function report(
  records: Awaited<ReturnType<typeof contest>>["records"],
  floors: readonly number[][],
  peers: Record<string, string>,
): Report {
  const [loaded, alone] = [records.flatMap((one) => one.loaded), records.flatMap((one) => one.alone)];
  const floor = floors.flat();
  const fsync = median(floors.map(median));
  const rows = ([name, samples]: readonly [string, typeof loaded]) => {
    const [perSecond, p50, p99, cpu] = (["perSecond", "p50", "p99", "cpuMs"] as const).map((key) => middle(samples, key));
    return [name, perSecond, p50, p99, (p50 ?? Number.NaN) / fsync, cpu];
  };
  return {
    title: `checkpoints over HTTP: ${LOADED.clients} clients for ${LOADED.seconds} s, then one; medians of ${floors.length} rounds`,
    columns: ["", "per second", "p50 (ms)", "p99 (ms)", "p50 ÷ fsync", "CPU ms each"],
    rows: [
      [`write + fsync of ${Math.round(SYNC_BYTES / 1024)} KiB (floor)`, 1000 / fsync, fsync, quantile(floor, 0.99), 1, undefined],
      rows([`orco, ${LOADED.clients} clients, each a run`, loaded]),
      rows(["orco, one client", alone]),
    ],
    notes: ["each is a POST with the token of its attempt, answered when it is on disk; the load is another process on the same cores"],
    peers,
    raw: { records, floors: floors.map((times) => ({ p50: median(times), p99: quantile(times, 0.99) })) },
  };
}
