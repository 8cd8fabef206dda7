/** Swaps between two targets under load: what fails, and what waits. */
import { messageOf } from "../src/kernel/errors.ts";
import { caddy } from "./edge/caddy.ts";
import { enlist } from "./edge/contest.ts";
import { haproxy } from "./edge/haproxy.ts";
import { nginx } from "./edge/nginx.ts";
import { orco } from "./edge/orco.ts";
import { orcoDeploy } from "./edge/orco-deploy.ts";
import type { Proxy, Running } from "./edge/proxy.ts";
import { steadyLoad, type Asked } from "./edge/steady-load.ts";
import { buildTarget, startTarget, type BenchTarget } from "./edge/target.ts";
import { Ground } from "./peers/stack.ts";
import { median, quantile, ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

const SWAPS = 20;
/** Of one block; blocks of all proxies take turns. */
const BLOCK = 5;
const PERIOD_MS = 2_000;
/** After a swap began: what is asked then is of the swap, the rest of the period is steady. */
const WINDOW_MS = 1_000;
/** Of each block, before anything counts. */
const WARM_MS = 1_000;

interface Stand {
  readonly name: string;
  readonly running: Running;
  readonly program: string;
  readonly ground: Ground;
  targets: [active: BenchTarget, other: BenchTarget];
  readonly during: number[];
  readonly steady: number[];
  readonly swapMs: number[];
  readonly outcomes: Record<string, number>;
  error?: string;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  const ground = new Ground();
  try {
    const program = await buildTarget(ground);
    const { ready, versions } = await enlist([orco, orcoDeploy, haproxy, nginx, caddy], options);
    const stands: Stand[] = [];
    for (const proxy of ready) stands.push(await open(ground, proxy, program));
    for (let left = options.rounds ?? SWAPS; left > 0; left -= BLOCK) {
      for (const stand of stands) await block(stand, Math.min(BLOCK, left)).catch((error: unknown) => (stand.error = messageOf(error)));
    }
    return report(stands, versions);
  } finally {
    await ground.close();
  }
}

async function open(ground: Ground, proxy: Proxy, program: string): Promise<Stand> {
  const targets: Stand["targets"] = [await startTarget(ground, program), await startTarget(ground, program)];
  const running = await proxy.open(ground, { protocol: "http", target: targets[0].port });
  return { name: proxy.name, running, program, ground, targets, during: [], steady: [], swapMs: [], outcomes: {} };
}

async function block(stand: Stand, swaps: number): Promise<void> {
  if (stand.error !== undefined) return;
  const load = steadyLoad(stand.running.port, (WARM_MS + swaps * PERIOD_MS) / 1000 + 0.3);
  const times: number[] = [];
  try {
    const started = Date.now() + WARM_MS;
    for (let swap = 0; swap < swaps; swap++) {
      await Bun.sleep(Math.max(0, started + swap * PERIOD_MS - Date.now()));
      times.push(performance.timeOrigin + performance.now());
      await swapOnce(stand);
    }
  } finally {
    count(stand, await load, times);
  }
}

async function swapOnce(stand: Stand): Promise<void> {
  const [active, other] = stand.targets;
  const before = performance.now();
  await stand.running.swap(other.port);
  stand.swapMs.push(performance.now() - before);
  // Who says that the former target is not needed any more is taken at its word.
  if (stand.running.drains) await active.close();
  stand.targets = [other, stand.running.drains ? await startTarget(stand.ground, stand.program) : active];
}

function count(stand: Stand, asked: readonly Asked[], swaps: readonly number[]): void {
  const [first = Infinity] = swaps;
  for (const { kind, at, ms, outcome } of asked) {
    const key = outcome === "ok" ? "ok" : `${kind} ${outcome}`;
    stand.outcomes[key] = (stand.outcomes[key] ?? 0) + 1;
    if (outcome !== "ok" || kind === "slow" || at < first) continue;
    const within = swaps.some((swap) => at + ms >= swap && at < swap + WINDOW_MS);
    (within ? stand.during : stand.steady).push(ms);
  }
}

function failedOf({ outcomes }: Stand): number {
  return Object.entries(outcomes).reduce((sum, [outcome, count]) => (outcome === "ok" ? sum : sum + count), 0);
}

function report(stands: readonly Stand[], peers: Record<string, string>): Report {
  const p99 = (values: readonly number[]) => (values.length > 0 ? quantile(values, 0.99) : undefined);
  const slower = (stand: Stand) => ratio(p99(stand.during), p99(stand.steady));
  const goals = stands
    .filter(({ name }) => name.startsWith("orco"))
    .flatMap((ours) => [
      { claim: `requests that failed with ${ours.name}`, value: failedOf(ours), limit: 0, unit: "requests", must: "<=" } as const,
      { claim: `p99 of ${ours.name} in the second of a swap ÷ steady`, value: slower(ours), limit: 1.5, unit: "×", must: "<=" } as const,
    ]);
  return {
    title: "swap: from one target to another under load (kept connections, new ones, requests of 200 ms)",
    columns: ["proxy", "swaps", "requests", "failed", "p99 steady (ms)", "p99 swap (ms)", "swap ÷ steady", "swap p50 (ms)"],
    rows: stands.map((stand): Cell[] => [
      stand.name,
      stand.swapMs.length,
      Object.values(stand.outcomes).reduce((sum, each) => sum + each, 0),
      String(failedOf(stand)),
      p99(stand.steady),
      p99(stand.during),
      slower(stand),
      median(stand.swapMs),
    ]),
    targets: goals,
    notes: [
      `1,020 requests a second, open loop, latency from when each was due; a swap every ${PERIOD_MS / 1000} s, its requests are those of the next ${WINDOW_MS / 1000} s; p99 without the requests of 200 ms`,
      "orco: new table, drained, then the former target is stopped with SIGTERM; swap p50 includes the drain of requests of 200 ms",
      "orco deploy: a commit is fetched, checked out, started, probed, swapped to, and its forerunner drained and stopped, by the command",
      "HAProxy and nginx: reload by signal, Caddy: its admin API, each until the new worker is there; their former targets are left running, for nothing tells when they are free",
      "not to be had here, measured elsewhere: kamal-proxy 0 failed, p99 swap ÷ steady 1.0–1.4",
      ...stands.flatMap(({ name, outcomes }) =>
        Object.entries(outcomes).flatMap(([outcome, times]) => (outcome === "ok" ? [] : [`${name}: ${outcome} ${times} times`])),
      ),
      ...stands.flatMap(({ name, error }) => (error === undefined ? [] : [`${name} failed: ${error}`])),
    ],
    peers,
    raw: Object.fromEntries(stands.map(({ name, outcomes, swapMs }) => [name, { outcomes, swapMs }])),
  };
}
