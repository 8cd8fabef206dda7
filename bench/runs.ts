/**
 * Durable runs beside other engines of them: runs of three durable steps, and runs that are only taken. Every engine is a process of its own, its load
 * comes from another, and what it answers is on disk.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { bullmq } from "./durable/bullmq.ts";
import { contest, middle, type Contest, type Record } from "./durable/contest.ts";
import { orco } from "./durable/orco.ts";
import { restate } from "./durable/restate.ts";
import { Ground } from "./peers/stack.ts";
import { ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

const ROUNDS = 3;
const LOADED = { clients: 50, seconds: 4 };
const ALONE = { clients: 1, seconds: 2 };

export async function run(options: BenchOptions = {}): Promise<Report> {
  const results = join(import.meta.dir, "results");
  mkdirSync(results, { recursive: true });
  // Beside the results, not in /tmp: that may be memory, where fsync costs nothing.
  const ground = new Ground(results);
  try {
    const shape = { scenes: ["three", "accept"] as const, loaded: LOADED, alone: ALONE, rounds: ROUNDS };
    return report(await contest(ground, [orco, restate, bullmq], { ...shape, ...options }));
  } finally {
    await ground.close();
  }
}

function report({ records, versions }: Contest): Report {
  const [plans, workers] = ["plan", "worker"].map((how) => rate(records, "orco", (one) => one.how.startsWith(how)));
  const accepts = rate(records, "orco", ({ of }) => of === "accept");
  const three = (engine: string) => rate(records, engine, ({ of }) => of === "three");
  const alone = records.find(({ how }) => how.startsWith("plan"))?.alone ?? [];
  return {
    title: `durable runs: ${LOADED.clients} clients for ${LOADED.seconds} s, then one client; medians of rounds, engines in turn`,
    columns: ["engine", "what", "per second", "p50 (ms)", "p99 (ms)", "alone p50 (ms)", "alone p99 (ms)", "CPU ms each", "RSS (MiB)"],
    rows: records.map(rowOf),
    targets: [
      { claim: "three steps, plan, ÷ Restate", value: ratio(plans, three("Restate")), limit: 5, unit: "×", must: ">=" },
      { claim: "three steps, worker, ÷ Restate", value: ratio(workers, three("Restate")), limit: 5, unit: "×", must: ">=" },
      { claim: "three steps, plan, ÷ BullMQ", value: ratio(plans, three("BullMQ")), limit: 2, unit: "×", must: ">=" },
      { claim: "three steps, worker, ÷ BullMQ", value: ratio(workers, three("BullMQ")), limit: 2, unit: "×", must: ">=" },
      { claim: "accepted runs", value: accepts, limit: 2000, unit: "/s", must: ">=" },
      {
        claim: "three steps alone, plan, p50",
        value: alone.length > 0 ? middle(alone, "p50") : undefined,
        limit: 10,
        unit: "ms",
        must: "<=",
      },
    ],
    notes: [
      "alike: who calls it is a process of its own and waits for the end of the run; the steps are of a service on node; each step's result is on disk before the next begins",
      "orco's plan is carried out by orco, a request a step, as Restate calls its service; the worker is a program that records its steps over HTTP, six requests a run",
      "orco's steps are PUT: what may be said twice is said over connections that are kept, as Restate's are; each POST has a connection of its own",
      "accepted: taken and on disk, not executed (Restate: due in an hour; BullMQ: a queue without a worker)",
      "CPU and RSS: of the engine (BullMQ: Redis and the worker), not of the load and not of the service",
    ],
    peers: versions,
    raw: records,
  };
}

function rate(records: readonly Record[], engine: string, which: (one: Record) => boolean): number | undefined {
  const found = records.find((one) => one.engine === engine && which(one));
  return found && found.loaded.length > 0 ? middle(found.loaded, "perSecond") : undefined;
}

function rowOf({ engine, how, loaded, alone, rssMiB }: Record): Cell[] {
  const loads = (["perSecond", "p50", "p99"] as const).map((key) => middle(loaded, key));
  return [engine, how, ...loads, middle(alone, "p50"), middle(alone, "p99"), middle(loaded, "cpuMs"), Math.max(...rssMiB)];
}
