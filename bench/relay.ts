/** What a gateway adds between a client and its engine: the same engine, the same clients, through orco, through its peers, and without any. */
import { Ground } from "./peers/stack.ts";
import { contest, type Contest, DIRECT, type Loads, type Sample, type Stand } from "./relay/contest.ts";
import { before, orco } from "./relay/orco.ts";
import { portkey } from "./relay/portkey.ts";
import { sglangRouter, vllmRouter } from "./relay/routers.ts";
import { type BenchOptions, type Cell, median, quantile, ratio, type Report, type Target } from "./table.ts";

const STREAMS = 200;
const TOKENS = 200;
/** Of one round. */
const REQUESTS = 100;
const MAX_ADDED_MS = 0.5;

const KEPT = "one after the other, kept connection";
const NEW = "one after the other, new connections";
const MANY = `${STREAMS} streams`;
const LOADS: Loads = {
  [KEPT]: { connections: "kept", clients: 1, requests: REQUESTS, tokens: 1 },
  [NEW]: { connections: "new", clients: 1, requests: REQUESTS, tokens: 1 },
  [MANY]: { connections: "kept", clients: STREAMS, requests: STREAMS, tokens: TOKENS },
};

export async function run(options: BenchOptions = {}): Promise<Report> {
  const ground = new Ground();
  try {
    const gateways = [orco, ...before(), sglangRouter, vllmRouter, portkey];
    return report(await contest(ground, gateways, { loads: LOADS, rounds: options.rounds ?? 9, ...options }));
  } finally {
    await ground.close();
  }
}

function report({ stands, versions }: Contest): Report {
  return {
    title: `relay: one token for one client (${REQUESTS} requests a round), ${TOKENS} tokens for each of ${STREAMS} clients; added: over direct in the same round, medians of rounds`,
    columns: [
      "way",
      "first token p50 (ms)",
      "added, p50",
      "added, p99",
      "whole answer added, p50",
      "p99",
      "new connection added, p50",
      "p99",
      "tokens/s",
      "÷ direct",
      "CPU µs/token",
      "peak RSS (MiB)",
    ],
    rows: stands.map((stand) => row(stands, stand)),
    targets: targets(stands),
    notes: notes(stands),
    peers: versions,
    raw: Object.fromEntries(stands.map((stand) => [stand.name, { rssMiB: stand.rssMiB, ...raw(stand) }])),
  };
}

function row(stands: readonly Stand[], stand: Stand): Cell[] {
  const direct = named(stands, DIRECT);
  const isDirect = stand === direct;
  const over = (load: string, what: "first_us" | "whole_us"): Cell[] =>
    [0.5, 0.99].map((q) => (isDirect ? undefined : added(direct, stand, { load, what, q })));
  return [
    stand.name,
    middle(stand, KEPT, ({ first_us: first }) => quantile(first, 0.5) / 1000),
    ...over(KEPT, "first_us"),
    ...over(KEPT, "whole_us"),
    ...over(NEW, "whole_us"),
    perSecond(stand),
    ratio(perSecond(stand), perSecond(direct)),
    middle(stand, MANY, ({ cpuMs, tokens }) => (1000 * cpuMs) / tokens),
    stand.rssMiB,
  ];
}

/** Ms at a quantile above that of direct: the median over rounds of what they differ by in one round. */
function added(
  direct: Stand | undefined,
  stand: Stand | undefined,
  { load, what, q }: { load: string; what: "first_us" | "whole_us"; q: number },
): number | undefined {
  const theirs = direct?.samples.get(load) ?? [];
  const ours = stand?.samples.get(load) ?? [];
  const count = Math.min(theirs.length, ours.length);
  const at = (samples: readonly Sample[], round: number): number => quantile(samples[round]?.[what] ?? [], q);
  if (count === 0) return undefined;
  return median(Array.from({ length: count }, (_, round) => (at(ours, round) - at(theirs, round)) / 1000));
}

function perSecond(stand: Stand | undefined): number | undefined {
  return middle(stand, MANY, ({ tokens, seconds }) => tokens / seconds);
}

function middle(stand: Stand | undefined, load: string, of: (sample: Sample) => number): number | undefined {
  const samples = stand?.samples.get(load);
  return samples && samples.length > 0 ? median(samples.map(of)) : undefined;
}

function named(stands: readonly Stand[], name: string): Stand | undefined {
  return stands.find((stand) => stand.name === name);
}

function targets(stands: readonly Stand[]): Target[] {
  const [direct, ours] = [named(stands, DIRECT), named(stands, "orco /v1")];
  const latency = { load: KEPT, what: "first_us", q: 0.5 } as const;
  const peers = stands.filter(({ name }) => name !== DIRECT && !/^(orco|before) /.test(name));
  const against = peers.flatMap((peer): Target[] => {
    const sooner = ratio(added(direct, ours, latency), added(direct, peer, latency));
    const faster = ratio(perSecond(ours), perSecond(peer));
    return [
      { claim: `added p50 of the first token, orco /v1 ÷ ${peer.name}`, value: sooner, limit: 1, unit: "×", must: "<=" },
      { claim: `tokens/s, orco /v1 ÷ ${peer.name}`, value: faster, limit: 1, unit: "×", must: ">=" },
    ];
  });
  return [
    { claim: "added p50 of the first token, orco /v1", value: added(direct, ours, latency), limit: MAX_ADDED_MS, unit: "ms", must: "<=" },
    ...against,
    { claim: "stretch: tokens/s, orco /v1 ÷ direct", value: ratio(perSecond(ours), perSecond(direct)), limit: 0.5, unit: "×", must: ">=" },
  ];
}

function notes(stands: readonly Stand[]): string[] {
  const direct = named(stands, DIRECT);
  const clients = middle(direct, MANY, ({ cpu_s: cpu, tokens }) => (1e6 * cpu) / tokens);
  return [
    `the clients' own ceiling is direct; they use ${clients?.toFixed(1) ?? "–"} µs of CPU a token, the engine what "direct" shows; the engine writes each token by itself`,
    "CPU µs/token: of the gateway's processes (direct: of the engine) over 200 streams. Peak RSS after all rounds; orco /v1 and /v2 are one daemon, and it also keeps its journal and its log",
    "orco /v2 is two requests, and its 202 waits for the disk",
    "measured elsewhere with the same load (inference.md), added p50 · tokens/s · CPU a token · peak RSS: llama-swap 1.0–1.2 ms · 104k/44k where direct did 332k/108k · 8 µs · 138 MB; litellm 34–69 ms · 0.7k/0.2k · 800 µs · 412 MB",
    ...stands.flatMap(({ name, error, samples }) => {
      const all = [...samples.values()].flat();
      const failed = all.reduce((sum, sample) => sum + sample.failed, 0);
      const why = all.find((sample) => sample.failed > 0)?.why;
      return [
        ...(error === undefined ? [] : [`${name} failed: ${error}`]),
        ...(failed === 0 ? [] : [`${name}: ${failed} requests failed (${why})`]),
      ];
    }),
  ];
}

/** Quantiles of each round, rather than thousands of numbers. */
function raw({ samples }: Stand): Record<string, unknown> {
  return Object.fromEntries(
    [...samples].map(([load, rounds]) => [
      load,
      rounds.map(({ first_us: first, whole_us: whole, ...rest }) => ({ ...rest, first_us: quantiles(first), whole_us: quantiles(whole) })),
    ]),
  );
}

function quantiles(values: readonly number[]): Record<string, number> {
  return { p50: quantile(values, 0.5), p90: quantile(values, 0.9), p99: quantile(values, 0.99) };
}
