/** Every scene of every engine, in turn: only one engine is up at a time, and only ratios in one run count. */
import { messageOf } from "../../src/kernel/errors.ts";
import { execute } from "../peers/execute.ts";
import { memory } from "../peers/proc.ts";
import type { Ground } from "../peers/stack.ts";
import { median, quantile, type BenchOptions } from "../table.ts";
import type { Engine, Load, Running, Scene } from "./engine.ts";
import { cpuOf } from "./program.ts";

/** One load, once. Times in ms. */
export interface Sample {
  readonly count: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the engine for each. */
  readonly cpuMs: number;
}

/** A scene of an engine over all rounds. */
export interface Record {
  readonly engine: string;
  readonly of: Scene["of"];
  readonly how: string;
  readonly loaded: Sample[];
  readonly alone: Sample[];
  readonly rssMiB: number[];
}

export interface Shape {
  readonly scenes: readonly Scene["of"][];
  readonly loaded: Load;
  readonly alone: Load;
  readonly rounds: number;
}

const WARM_SECONDS = 1;

export interface Contest {
  readonly records: readonly Record[];
  /** Version of each engine, or why it is missing. */
  readonly versions: Readonly<{ [engine: string]: string }>;
}

/** Who begins changes from round to round. */
export async function contest(ground: Ground, engines: readonly Engine[], shape: Shape & BenchOptions): Promise<Contest> {
  const { ready, versions } = await enlist(engines, shape);
  const records: Record[] = [];
  for (let round = 0; round < shape.rounds; round++) {
    const from = round % Math.max(1, ready.length);
    for (const engine of [...ready.slice(from), ...ready.slice(0, from)]) {
      const trouble = await play(ground, engine, { shape, records }).catch(messageOf);
      if (typeof trouble === "string") versions[engine.name] = `${versions[engine.name] ?? ""}; round ${round + 1} failed: ${trouble}`;
    }
  }
  return { records, versions };
}

async function enlist(
  engines: readonly Engine[],
  { only }: BenchOptions,
): Promise<{ ready: Engine[]; versions: { [engine: string]: string } }> {
  const ready: Engine[] = [];
  const versions: { [engine: string]: string } = {};
  for (const engine of engines) {
    if (only !== undefined && !only.some((name) => engine.name.toLowerCase().startsWith(name.toLowerCase()))) continue;
    try {
      if (!(await engine.available())) await engine.install();
      versions[engine.name] = await engine.version();
      ready.push(engine);
    } catch (error) {
      versions[engine.name] = `missing: ${messageOf(error)}`;
    }
  }
  return { ready, versions };
}

async function play(ground: Ground, engine: Engine, { shape, records }: { shape: Shape; records: Record[] }): Promise<void> {
  const running = await engine.open(ground);
  try {
    for (const scene of running.scenes.filter((one) => shape.scenes.includes(one.of))) {
      const record = recordOf(records, engine, scene);
      await measure(running, scene, { ...shape.loaded, seconds: WARM_SECONDS });
      record.loaded.push(await measure(running, scene, shape.loaded));
      record.alone.push(await measure(running, scene, shape.alone));
      record.rssMiB.push(memory(running.pids).rssMiB);
    }
  } finally {
    await running.close();
  }
}

function recordOf(records: Record[], { name }: Engine, { of, how }: Scene): Record {
  const known = records.find((one) => one.engine === name && one.how === how);
  if (known) return known;
  const made: Record = { engine: name, of, how, loaded: [], alone: [], rssMiB: [] };
  records.push(made);
  return made;
}

async function measure({ pids }: Running, scene: Scene, load: Load): Promise<Sample> {
  const before = cpuOf(pids);
  const said = await execute(scene.command(load), { timeoutMs: (load.seconds + 30) * 1000 });
  const { count, ms, times } = JSON.parse(said) as { count: number; ms: number; times: number[] };
  if (count === 0) throw new Error(`${scene.how}: nothing was done`);
  const cpuMs = (cpuOf(pids) - before) / count;
  return { count, perSecond: (count / ms) * 1000, p50: quantile(times, 0.5), p99: quantile(times, 0.99), cpuMs };
}

/** The median round. */
export function middle(samples: readonly Sample[], of: keyof Sample): number {
  return median(samples.map((sample) => sample[of]));
}
