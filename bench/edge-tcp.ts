/** Bytes through one worker of the edge without HTTP, beside HAProxy in mode tcp. */
import { contest, DIRECT, failures, middle, named, type Contest, type Load, type Sample, type Stand } from "./edge/contest.ts";
import { haproxy, haproxySplicing } from "./edge/haproxy.ts";
import { orco } from "./edge/orco.ts";
import { Ground } from "./peers/stack.ts";
import { ratio, type BenchOptions, type Cell, type Report, type Target } from "./table.ts";

const SECONDS = 2;
const BULK_BYTES = 16 * 2 ** 20;

/** A load and the figure that counts for it. */
interface Discipline extends Load {
  readonly unit: string;
  readonly figure: (sample: Sample) => number;
}

const perSecond = ({ perSecond }: Sample): number => perSecond;
const gigabytes = ({ bytesPerSecond }: Sample): number => bytesPerSecond / 1e9;

const DISCIPLINES: readonly Discipline[] = [
  { name: "requests, kept alive", unit: "req/s", figure: perSecond, ask: { connections: 64 } },
  { name: "new connections", unit: "conn/s", figure: perSecond, ask: { connections: 64, headers: ["Connection: close"] } },
  { name: "bulk, 4 connections", unit: "GB/s", figure: gigabytes, ask: { connections: 4, path: `/${BULK_BYTES}` } },
];

export async function run(options: BenchOptions = {}): Promise<Report> {
  const ground = new Ground();
  try {
    const shape = { job: "tcp", loads: DISCIPLINES, rounds: options.rounds ?? 7, seconds: SECONDS } as const;
    return report(await contest(ground, [orco, haproxy, haproxySplicing], { ...options, ...shape }));
  } finally {
    await ground.close();
  }
}

function report({ stands, versions }: Contest): Report {
  return {
    title: `edge-tcp: wrk, one thread, through a tcp front; medians of interleaved rounds of ${SECONDS} s`,
    columns: ["load, proxy", "figure", "unit", "÷ direct", "÷ haproxy", "CPU µs/req", "p50 (ms)", "p99 (ms)", "RSS (MiB)"],
    rows: DISCIPLINES.flatMap((load) => stands.map((stand) => row(stands, load, stand))),
    targets: [
      ...DISCIPLINES.map((load) => target(stands, load)),
      { claim: "RSS of orco's worker after load", value: named(stands, "orco")?.rssMiB, limit: 60, unit: "MiB", must: "<=" },
    ],
    notes: [
      "one thread or worker each; new connections: one request on each, the target closes; bulk: bodies of 16 MiB, CPU of one body",
      "splice-auto: HAProxy lets the kernel move bytes from socket to socket without showing them to it",
      ...failures(stands),
    ],
    peers: versions,
    raw: Object.fromEntries(
      stands.map(({ name, rssMiB, samples }) => [
        name,
        { rssMiB, ...Object.fromEntries([...samples].map(([load, all]) => [load.name, all])) },
      ]),
    ),
  };
}

function row(stands: readonly Stand[], load: Discipline, stand: Stand): Cell[] {
  const figure = middle(stand, load, load.figure);
  return [
    `${load.name}, ${stand.name}`,
    figure,
    load.unit,
    ...[DIRECT, "haproxy"].map((name) => ratio(figure, middle(named(stands, name), load, load.figure))),
    ...[({ cpuUs }: Sample) => cpuUs, ({ p50Ms }: Sample) => p50Ms, ({ p99Ms }: Sample) => p99Ms].map((of) => middle(stand, load, of)),
    stand.rssMiB,
  ];
}

function target(stands: readonly Stand[], load: Discipline): Target {
  const of = (name: string) => middle(named(stands, name), load, load.figure);
  const value = ratio(of("orco"), of("haproxy"));
  return { claim: `${load.name}: ${load.unit} of orco ÷ haproxy`, value, limit: 0.95, unit: "×", must: ">=" };
}
