/** What a route costs: one listener with 1, 100 and 10,000 fronts by host. */
import { measure, type Sample } from "./edge/contest.ts";
import { frontOf, startControl, targetOf, type BenchControl } from "./edge/orco.ts";
import { buildTarget, startTarget } from "./edge/target.ts";
import { needWrk } from "./edge/wrk.ts";
import { memory } from "./peers/proc.ts";
import { freePort, Ground } from "./peers/stack.ts";
import { median, ratio, type BenchOptions, type Report } from "./table.ts";
import type { Front } from "../src/edge/route.ts";

const SIZES = [1, 100, 10_000] as const;
const SECONDS = 2;
const CONNECTIONS = 64;
const PUTS = 5;

interface Stand extends BenchControl {
  readonly size: number;
  readonly port: number;
  readonly pids: () => readonly number[];
  readonly front: (number: number, target: number) => Front;
  readonly samples: Sample[];
  /** ms, of one front changed among all. */
  readonly puts: number[];
  /** MiB, before any request and after all of them. */
  idleMiB: number;
  loadedMiB: number;
  firstMs: number;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  const ground = new Ground();
  try {
    await needWrk();
    const target = await startTarget(ground, await buildTarget(ground));
    const stands: Stand[] = [];
    for (const size of SIZES) stands.push(await open(ground, size, target.port));
    const rounds = options.rounds ?? 5;
    for (let round = -1; round < rounds; round++) for (const stand of stands) await load(stand, round >= 0);
    for (const stand of stands) await change(stand, target.port);
    return report(stands);
  } finally {
    await ground.close();
  }
}

async function open(ground: Ground, size: number, target: number): Promise<Stand> {
  const { control, close } = startControl(ground);
  const port = await freePort();
  const front = (number: number, at: number): Front => ({
    ...frontOf(`front-${number}`, { port, protocol: "http" }, [targetOf(`target-${number}-${at}`, at)]),
    hosts: [hostOf(number)],
  });
  const pids = () => control.status().workers.map(({ pid }) => pid);
  const started = performance.now();
  await control.put(Array.from({ length: size }, (_, number) => front(number, target)));
  const firstMs = performance.now() - started;
  return { control, close, size, port, pids, front, samples: [], puts: [], idleMiB: memory(pids()).rssMiB, loadedMiB: Number.NaN, firstMs };
}

function hostOf(number: number): string {
  return `host-${number}.bench.test`;
}

/** Requests go to one front in the middle of the table. */
async function load(stand: Stand, counts: boolean): Promise<void> {
  const headers = [`Host: ${hostOf(stand.size >> 1)}`];
  const sample = await measure(stand, { headers, connections: CONNECTIONS, seconds: SECONDS });
  if (sample.failed > 0) throw new Error(`${stand.size} fronts: ${sample.failed} requests failed`);
  if (counts) stand.samples.push(sample);
  stand.loadedMiB = memory(stand.pids()).rssMiB;
}

async function change(stand: Stand, target: number): Promise<void> {
  for (let put = 0; put < PUTS; put++) {
    const started = performance.now();
    // The same address under another id: a new instance.
    await stand.control.put([{ ...stand.front(0, target), targets: [targetOf(`changed-${put}`, target)] }]);
    stand.puts.push(performance.now() - started);
  }
}

function report(stands: readonly Stand[]): Report {
  const speed = ({ samples }: Stand) => median(samples.map(({ perSecond }) => perSecond));
  const cpu = ({ samples }: Stand) => median(samples.map(({ cpuUs }) => cpuUs));
  const [one, most] = [stands[0], stands.at(-1)] as [Stand, Stand];
  return {
    title: `edge-routes: fronts by host on one listener, one worker; wrk with ${CONNECTIONS} connections, medians`,
    columns: ["fronts", "req/s", "÷ one front", "CPU µs/req", "RSS idle (MiB)", "RSS loaded (MiB)", "first put (ms)", "put of one (ms)"],
    rows: stands.map((stand) => [
      stand.size.toLocaleString("en-US"),
      speed(stand),
      ratio(speed(stand), speed(one)),
      cpu(stand),
      stand.idleMiB,
      stand.loadedMiB,
      stand.firstMs,
      median(stand.puts),
    ]),
    targets: [{ claim: "req/s with 10,000 fronts ÷ with one", value: ratio(speed(most), speed(one)), limit: 0.95, unit: "×", must: ">=" }],
    notes: ["put: written to disk, read and acknowledged by the worker; the first one also starts it"],
    raw: stands.map(({ size, samples, puts, idleMiB, loadedMiB, firstMs }) => ({ size, samples, puts, idleMiB, loadedMiB, firstMs })),
  };
}
