/** Requests through one worker of the edge, beside the same requests through its peers and to the target itself. */
import { caddy } from "./edge/caddy.ts";
import { contest, DIRECT, failures, middle, named, type Contest, type Load, type Stand } from "./edge/contest.ts";
import { haproxy } from "./edge/haproxy.ts";
import { nginx } from "./edge/nginx.ts";
import { orco } from "./edge/orco.ts";
import { Ground } from "./peers/stack.ts";
import { ratio, type BenchOptions, type Cell, type Report, type Target } from "./table.ts";

const CONNECTIONS = 64;
const SECONDS = 2;
const UPLOAD_BYTES = 8192;

export async function run(options: BenchOptions = {}): Promise<Report> {
  const ground = new Ground();
  try {
    const loads = await loadsIn(ground);
    const shape = { job: "http", loads, rounds: options.rounds ?? 7, seconds: SECONDS } as const;
    return report(await contest(ground, [orco, nginx, haproxy, caddy], { ...options, ...shape }), loads);
  } finally {
    await ground.close();
  }
}

async function loadsIn(ground: Ground): Promise<Load[]> {
  const script = `${ground.root}/post.lua`;
  await Bun.write(script, `wrk.method = "POST"\nwrk.body = string.rep("x", ${UPLOAD_BYTES})\n`);
  return [
    { name: "GET 2 B", ask: { connections: CONNECTIONS } },
    { name: "GET 64 KiB", ask: { connections: CONNECTIONS, path: "/65536" } },
    { name: "POST 8 KiB", ask: { connections: CONNECTIONS, script } },
  ];
}

function report({ stands, versions }: Contest, loads: readonly Load[]): Report {
  return {
    title: `edge-http: wrk, one thread, ${CONNECTIONS} connections kept alive; medians of interleaved rounds of ${SECONDS} s`,
    columns: ["load, proxy", "req/s", "÷ direct", "÷ nginx", "÷ haproxy", "CPU µs/req", "p50 (ms)", "p99 (ms)", "RSS (MiB)"],
    rows: loads.flatMap((load) => stands.map((stand) => row(stands, load, stand))),
    targets: targets(stands, loads),
    notes: [
      "one thread or worker each; all keep connections to the target, and tell it X-Forwarded-For, -Proto, -Host and X-Request-Id (Caddy: without the last)",
      "CPU µs/req: what all threads of the proxy used; on a shared machine it says more than requests per second. RSS after all rounds",
      "not to be had here, measured elsewhere: kamal-proxy does 0.22 ÷ direct",
      ...failures(stands),
    ],
    peers: versions,
    raw: Object.fromEntries(stands.map(({ name, rssMiB, samples }) => [name, { rssMiB, ...byName(samples) }])),
  };
}

function byName(samples: Stand["samples"]): Record<string, unknown> {
  return Object.fromEntries([...samples].map(([load, rounds]) => [load.name, rounds]));
}

function row(stands: readonly Stand[], load: Load, stand: Stand): Cell[] {
  const perSecond = (of: Stand | undefined) => middle(of, load, (sample) => sample.perSecond);
  return [
    `${load.name}, ${stand.name}`,
    perSecond(stand),
    ...[DIRECT, "nginx", "haproxy"].map((name) => ratio(perSecond(stand), perSecond(named(stands, name)))),
    middle(stand, load, (sample) => sample.cpuUs),
    middle(stand, load, (sample) => sample.p50Ms),
    middle(stand, load, (sample) => sample.p99Ms),
    stand.rssMiB,
  ];
}

function targets(stands: readonly Stand[], loads: readonly Load[]): Target[] {
  const ours = named(stands, "orco");
  const against = (load: Load, name: string, limit: number): Target[] => {
    const peer = named(stands, name);
    const speed = ratio(...([ours, peer].map((stand) => middle(stand, load, (sample) => sample.perSecond)) as [number?, number?]));
    const thrift = ratio(...([peer, ours].map((stand) => middle(stand, load, (sample) => sample.cpuUs)) as [number?, number?]));
    return [
      { claim: `${load.name}: req/s of orco ÷ ${name}`, value: speed, limit, unit: "×", must: ">=" },
      { claim: `${load.name}: requests per CPU second of orco ÷ ${name}`, value: thrift, limit, unit: "×", must: ">=" },
    ];
  };
  const each = loads.flatMap((load) => [...against(load, "nginx", 0.95), ...against(load, "haproxy", 0.95), ...against(load, "caddy", 3)]);
  return [...each, { claim: "RSS of orco's worker after load", value: ours?.rssMiB, limit: 60, unit: "MiB", must: "<=" }];
}
