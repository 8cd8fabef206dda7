/** Every load on every way, in turn: all stand beside one another, and only their ratios count. */
import { readFileSync } from "node:fs";
import { messageOf } from "../../src/kernel/errors.ts";
import { until } from "../peers/observe.ts";
import { PATIENCE_MS } from "../peers/peer.ts";
import { cpuMs } from "../peers/proc.ts";
import type { Ground } from "../peers/stack.ts";
import type { BenchOptions } from "../table.ts";
import { startEngine } from "./engine.ts";
import type { Gateway, Lane } from "./gateway.ts";
import { type Asked, buildLoad, type Heard, load } from "./load.ts";

export type Loads = Readonly<Record<string, Asked>>;

/** One round of one load. */
export interface Sample extends Heard {
  /** CPU time of the gateway. */
  readonly cpuMs: number;
}

/** One way to the engine. */
export interface Stand {
  readonly name: string;
  readonly samples: Map<string, Sample[]>;
  rssMiB?: number;
  error?: string;
}

interface Way extends Stand {
  readonly lane: Lane & { readonly port: number };
  readonly pids: () => readonly number[];
}

export const DIRECT = "direct";

/** Code that is compiled as it runs needs some. */
const WARM: Asked = { connections: "kept", clients: 50, requests: 2000, tokens: 2 };

export interface Contest {
  readonly stands: readonly Stand[];
  readonly versions: Readonly<Record<string, string>>;
}

export async function contest(
  ground: Ground,
  gateways: readonly Gateway[],
  { loads, rounds, only }: { readonly loads: Loads; readonly rounds: number } & BenchOptions,
): Promise<Contest> {
  const program = await buildLoad(ground);
  const engine = await startEngine(ground);
  const direct: Way = { name: DIRECT, samples: new Map(), pids: engine.pids, lane: { name: DIRECT, api: "v1", port: engine.port } };
  const ways: Way[] = [direct];
  const versions: Record<string, string> = {};
  for (const gateway of gateways) {
    if (only !== undefined && !only.some((name) => gateway.name.startsWith(name))) versions[gateway.name] = "left out by --only";
    else {
      const opened = await open(gateway, ground, engine.url).catch((error: unknown) => messageOf(error));
      versions[gateway.name] = typeof opened === "string" ? `missing: ${opened}` : opened.version;
      if (typeof opened !== "string") ways.push(...opened.ways);
    }
  }
  for (const way of ways) await answers(program, way).catch((error: unknown) => (way.error = messageOf(error)));
  for (let round = -1; round < rounds; round++) await oneRound(ways, round < 0 ? { ...loads, warm: WARM } : loads, { program, round });
  for (const way of ways) if (way !== direct) way.rssMiB = peakMiB(way.pids());
  return { stands: ways, versions };
}

async function open(gateway: Gateway, ground: Ground, engine: string): Promise<{ version: string; ways: Way[] }> {
  if (!(await gateway.available())) await gateway.install();
  const version = await gateway.version();
  const { port, pids, lanes } = await gateway.open(ground, engine);
  return { version, ways: lanes.map((lane) => ({ name: lane.name, samples: new Map(), pids, lane: { ...lane, port } })) };
}

/** Some listen before they know their engine. */
async function answers(program: string, { name, lane }: Way): Promise<void> {
  const once = { connections: "new", clients: 1, requests: 1, tokens: 1 } as const;
  let why = "";
  const good = async (): Promise<boolean> => {
    const heard = await load(program, lane, once);
    why = heard.why;
    return heard.failed === 0;
  };
  await until(good, PATIENCE_MS, `an answer of ${name}`).catch(() => {
    throw new Error(`it does not answer: ${why}`);
  });
}

/** The first round of each is thrown away: code gets warm, pools fill. Who begins changes, so that nobody always follows the same one. */
async function oneRound(ways: readonly Way[], loads: Loads, { program, round }: { program: string; round: number }): Promise<void> {
  const from = Math.max(0, round) % ways.length;
  for (const [name, asked] of Object.entries(loads)) {
    for (const way of [...ways.slice(from), ...ways.slice(0, from)]) {
      if (way.error !== undefined) continue;
      try {
        const sample = await measure(program, way, asked);
        if (round >= 0) way.samples.set(name, [...(way.samples.get(name) ?? []), sample]);
      } catch (error) {
        way.error = `${name}: ${messageOf(error)}`;
      }
    }
  }
}

async function measure(program: string, { lane, pids }: Way, asked: Asked): Promise<Sample> {
  const cpu = (): number => pids().reduce((sum, pid) => sum + cpuMs(pid), 0);
  const before = cpu();
  const heard = await load(program, lane, asked);
  return { ...heard, cpuMs: cpu() - before };
}

function peakMiB(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0), 0) / 1024;
}
