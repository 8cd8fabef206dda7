/** Every load on every proxy, in turn: all stand beside one another, and only their ratios count. */
import { messageOf } from "../../src/kernel/errors.ts";
import { cpuMs, memory } from "../peers/proc.ts";
import type { Ground } from "../peers/stack.ts";
import { median, type BenchOptions } from "../table.ts";
import type { Job, Proxy, Running } from "./proxy.ts";
import { buildTarget, startTarget } from "./target.ts";
import { type Asked, type Heard, needWrk, wrk } from "./wrk.ts";

export interface Load {
  readonly name: string;
  readonly ask: Omit<Asked, "port" | "seconds">;
}

/** One round of one load on one proxy. */
export interface Sample extends Heard {
  /** CPU time of the proxy for one request. */
  readonly cpuUs: number;
}

/** A proxy in front of the target, or the target itself. */
export interface Stand {
  readonly name: string;
  readonly port: number;
  readonly pids: () => readonly number[];
  /** After all rounds. */
  rssMiB: number | undefined;
  readonly samples: Map<Load, Sample[]>;
  error?: string;
}

export interface Shape {
  readonly job: Job["protocol"];
  readonly loads: readonly Load[];
  readonly rounds: number;
  readonly seconds: number;
}

export const DIRECT = "direct";

export interface Contest {
  readonly stands: readonly Stand[];
  /** Version of each proxy, or why it is missing. */
  readonly versions: Readonly<Record<string, string>>;
}

export async function contest(ground: Ground, proxies: readonly Proxy[], shape: Shape & BenchOptions): Promise<Contest> {
  await needWrk();
  const target = await startTarget(ground, await buildTarget(ground));
  const stands: Stand[] = [{ name: DIRECT, port: target.port, pids: target.pids, rssMiB: undefined, samples: new Map() }];
  const { ready, versions } = await enlist(proxies, shape);
  for (const proxy of ready) {
    const running = await start(proxy, ground, { protocol: shape.job, target: target.port }).catch((error: unknown) => messageOf(error));
    if (typeof running === "string") versions[proxy.name] = `did not start: ${running}`;
    else stands.push({ name: proxy.name, port: running.port, pids: () => running.pids(), rssMiB: undefined, samples: new Map() });
  }
  await rounds(stands, shape);
  for (const stand of stands) if (stand.name !== DIRECT) stand.rssMiB = memory(stand.pids()).rssMiB;
  return { stands, versions };
}

function start(proxy: Proxy, ground: Ground, job: Job): Promise<Running> {
  return proxy.open(ground, job);
}

/** Makes every wanted proxy ready to run. */
export async function enlist(
  proxies: readonly Proxy[],
  { only }: BenchOptions,
): Promise<{ ready: Proxy[]; versions: Record<string, string> }> {
  const ready: Proxy[] = [];
  const versions: Record<string, string> = {};
  for (const proxy of proxies) {
    if (only !== undefined && !only.some((name) => proxy.name.startsWith(name))) {
      versions[proxy.name] = "left out by --only";
      continue;
    }
    try {
      if (!(await proxy.available())) await proxy.install();
      versions[proxy.name] = await proxy.version();
      ready.push(proxy);
    } catch (error) {
      versions[proxy.name] = `missing: ${messageOf(error)}`;
    }
  }
  return { ready, versions };
}

/** The first round of each is thrown away: code gets warm, pools fill. Who begins changes, so that nobody always follows the same one. */
async function rounds(stands: readonly Stand[], { loads, rounds: count, seconds }: Shape): Promise<void> {
  for (let round = -1; round < count; round++) {
    for (const load of loads) {
      const from = Math.max(0, round) % stands.length;
      for (const stand of [...stands.slice(from), ...stands.slice(0, from)]) {
        if (stand.error !== undefined) continue;
        try {
          const sample = await measure(stand, { ...load.ask, seconds });
          if (round >= 0) stand.samples.set(load, [...(stand.samples.get(load) ?? []), sample]);
        } catch (error) {
          stand.error = `${load.name}: ${messageOf(error)}`;
        }
      }
    }
  }
}

export async function measure(stand: Pick<Stand, "port" | "pids">, ask: Omit<Asked, "port">): Promise<Sample> {
  const pids = stand.pids();
  const before = sumCpuMs(pids);
  const heard = await wrk({ ...ask, port: stand.port });
  return { ...heard, cpuUs: (1000 * (sumCpuMs(pids) - before)) / heard.requests };
}

/** Threads that ended within are counted, which the finer clock of each thread would not. */
function sumCpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

/** Median over the rounds; undefined when there is none. */
export function middle(stand: Stand | undefined, load: Load, of: (sample: Sample) => number): number | undefined {
  const samples = stand?.samples.get(load);
  return samples && samples.length > 0 ? median(samples.map(of)) : undefined;
}

export function named(stands: readonly Stand[], name: string): Stand | undefined {
  return stands.find((stand) => stand.name === name);
}

/** What did not go as it should: nothing is left out in silence. */
export function failures(stands: readonly Stand[]): string[] {
  return stands.flatMap(({ name, error, samples }) => {
    const failed = [...samples.values()].flat().reduce((sum, sample) => sum + sample.failed, 0);
    return [...(error === undefined ? [] : [`${name} failed: ${error}`]), ...(failed === 0 ? [] : [`${name}: ${failed} requests failed`])];
  });
}
