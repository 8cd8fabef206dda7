/** Another version of a service under load: what fails, how long it takes, and what waits meanwhile. */
import { messageOf } from "../src/kernel/errors.ts";
import { closedLoad, type Asked } from "./edge/steady-load.ts";
import { Ground } from "./peers/stack.ts";
import { versionAt } from "./rolling/app.ts";
import { composeUp } from "./rolling/compose.ts";
import { orcoContainers, orcoProcesses } from "./rolling/orco.ts";
import { pm2Reload } from "./rolling/pm2.ts";
import { processComposeRestart } from "./rolling/process-compose.ts";
import { REPLICAS, type Roller, type Rolling } from "./rolling/roller.ts";
import { supervisordRestart } from "./rolling/supervisord.ts";
import { median, quantile, ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

const ROLLERS: readonly Roller[] = [orcoProcesses, pm2Reload, processComposeRestart, supervisordRestart, orcoContainers, composeUp];
const ROUNDS = 5;
/** Of each round: before anything counts, and between that and the update. */
const WARM_MS = 700;
const STEADY_MS = 2_000;
const AFTER_MS = 500;
const AT_MOST_S = 90;

interface Round {
  readonly tookMs: number;
  readonly requests: number;
  readonly outcomes: Record<string, number>;
  readonly p99Steady: number;
  readonly p99During: number;
}

interface Stand {
  readonly roller: Roller;
  readonly running: Rolling | undefined;
  readonly rounds: Round[];
  error?: string;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  const ground = new Ground();
  try {
    const { ready, versions } = await enlist(options);
    const stands: Stand[] = [];
    for (const roller of ready) stands.push(await stand(ground, roller));
    for (let round = 1; round <= (options.rounds ?? ROUNDS); round++) {
      for (const one of stands) await update(one, `v${round}`).catch((error: unknown) => (one.error = messageOf(error)));
    }
    return report(stands, versions);
  } finally {
    await ground.close();
  }
}

async function enlist({ only }: BenchOptions): Promise<{ ready: Roller[]; versions: Record<string, string> }> {
  const ready: Roller[] = [];
  const versions: Record<string, string> = {};
  for (const roller of ROLLERS) {
    if (only !== undefined && !only.some((name) => roller.name.startsWith(name))) continue;
    try {
      if (!(await roller.available())) await roller.install();
      versions[roller.name] = await roller.version();
      ready.push(roller);
    } catch (error) {
      versions[roller.name] = `missing: ${messageOf(error)}`;
    }
  }
  return { ready, versions };
}

async function stand(ground: Ground, roller: Roller): Promise<Stand> {
  try {
    return { roller, running: await roller.open(ground), rounds: [] };
  } catch (error) {
    return { roller, running: undefined, rounds: [], error: messageOf(error) };
  }
}

async function update({ running, rounds, error }: Stand, version: string): Promise<void> {
  if (!running || error !== undefined) return;
  const load = closedLoad(running.port, AT_MOST_S);
  let asked: Asked[] = [];
  const times = { steady: 0, began: 0, ended: 0 };
  try {
    await Bun.sleep(WARM_MS);
    times.steady = Date.now();
    await Bun.sleep(STEADY_MS);
    times.began = Date.now();
    await running.roll(version);
    times.ended = Date.now();
    const now = await versionAt(running.port);
    if (running.tells && now !== version) throw new Error(`${version} was asked for, ${now ?? "nobody"} answers`);
    await Bun.sleep(AFTER_MS);
  } finally {
    asked = await load.stop();
  }
  rounds.push(roundOf(asked, times));
}

function roundOf(asked: readonly Asked[], { steady, began, ended }: { steady: number; began: number; ended: number }): Round {
  const outcomes: Record<string, number> = {};
  const [calm, during]: [number[], number[]] = [[], []];
  for (const { kind, at, ms, outcome } of asked) {
    const key = outcome === "ok" ? "ok" : `${kind} ${outcome}`;
    outcomes[key] = (outcomes[key] ?? 0) + 1;
    if (outcome !== "ok" || kind === "slow") continue;
    if (at + ms >= began && at < ended) during.push(ms);
    else if (at >= steady && at < began) calm.push(ms);
  }
  return { tookMs: ended - began, requests: asked.length, outcomes, p99Steady: quantile(calm, 0.99), p99During: quantile(during, 0.99) };
}

function failedOf({ rounds }: Stand): number {
  return rounds.reduce((sum, { requests, outcomes }) => sum + requests - (outcomes["ok"] ?? 0), 0);
}

function report(stands: readonly Stand[], peers: Record<string, string>): Report {
  const middle = (stand: Stand | undefined, of: (round: Round) => number) =>
    stand && stand.rounds.length > 0 ? median(stand.rounds.map(of)) : undefined;
  const slower = (stand: Stand) =>
    ratio(
      middle(stand, ({ p99During }) => p99During),
      middle(stand, ({ p99Steady }) => p99Steady),
    );
  const took = (stand: Stand | undefined) => middle(stand, ({ tookMs }) => tookMs);
  const ours = (stand: Stand) => stands.find(({ roller }) => roller === (stand.roller === composeUp ? orcoContainers : orcoProcesses));
  const own = stands.filter(({ roller }) => roller === orcoProcesses || roller === orcoContainers);
  return {
    title: `rolling: an update of a service with ${REPLICAS} replicas under load; medians of the rounds`,
    columns: ["tool", "updates", "requests", "failed", "update (ms)", "× orco", "p99 steady (ms)", "p99 during (ms)", "during ÷ steady"],
    rows: stands.map((stand): Cell[] => [
      stand.roller.name,
      stand.rounds.length,
      stand.rounds.reduce((sum, { requests }) => sum + requests, 0),
      String(failedOf(stand)),
      took(stand),
      own.includes(stand) ? 1 : ratio(took(stand), took(ours(stand))),
      middle(stand, ({ p99Steady }) => p99Steady),
      middle(stand, ({ p99During }) => p99During),
      slower(stand),
    ]),
    targets: own.map((stand) => ({
      claim: `requests that failed with ${stand.roller.name}`,
      value: stand.rounds.length > 0 ? failedOf(stand) : undefined,
      limit: 0,
      unit: "requests",
      must: "<=" as const,
    })),
    notes: [
      "closed loop of 16 kept connections, 4 clients that open one each time, 4 that ask for an answer that takes 200 ms; p99 without the latter",
      "processes: node's http server, except for process-compose (bun's, which can share a port); containers: a C program without a graceful end",
      ...stands.map(({ roller }) => `${roller.name}: ${roller.how}`),
      ...stands.flatMap(({ roller, rounds }) => told(roller.name, rounds)),
      ...stands.flatMap(({ roller, error }) => (error === undefined ? [] : [`${roller.name} failed: ${error}`])),
    ],
    peers,
    raw: Object.fromEntries(stands.map(({ roller, rounds }) => [roller.name, rounds])),
  };
}

function told(name: string, rounds: readonly Round[]): string[] {
  const sum = new Map<string, number>();
  for (const { outcomes } of rounds)
    for (const [outcome, count] of Object.entries(outcomes)) if (outcome !== "ok") sum.set(outcome, (sum.get(outcome) ?? 0) + count);
  return [...sum].map(([outcome, count]) => `${name}: ${outcome} ${count} times`);
}
