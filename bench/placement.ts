/** One task over 10 to 10,000 replicas, by policy: the decision of admission and that of dispatch, over the dispatcher's own live replicas. */
import { systemClock } from "../src/kernel/clock.ts";
import { Breaker } from "../src/inference/placement/breaker.ts";
import { choosePool, chooseReplica } from "../src/inference/placement/decide.ts";
import type { PlacedTask, PoolSnapshot } from "../src/inference/placement/snapshot.ts";
import { POLICIES, type Policy } from "../src/inference/pools/pool.ts";
import { LiveReplica } from "../src/inference/tasks/live-replica.ts";
import { median, quantile, type BenchOptions, type Report } from "./table.ts";

const SIZES = [10, 100, 1000, 10_000];
const ROUNDS = 5;
/** Decisions timed in one go, so that the clock's own time does not count. */
const AT_ONCE = 20;
const SAMPLES = 50;
const LIMIT_US = 100;

type Kind = "admission" | "dispatch";
interface Measured {
  readonly policy: Policy;
  readonly kind: Kind;
  readonly replicas: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  const rounds = Array.from({ length: options.rounds ?? ROUNDS }, () =>
    POLICIES.flatMap((policy) => SIZES.flatMap((size) => (["admission", "dispatch"] as const).map((kind) => measure(policy, kind, size)))),
  );
  return report(rounds);
}

function measure(policy: Policy, kind: Kind, replicas: number): Measured {
  const pool = poolOf(policy, replicas);
  const times: number[] = [];
  for (let turn = 0; turn < SAMPLES * AT_ONCE; turn += AT_ONCE) {
    const tasks = Array.from({ length: AT_ONCE }, (_, n) => taskOf(turn + n));
    const started = performance.now();
    for (const task of tasks) decide(kind, pool, task);
    times.push(((performance.now() - started) / AT_ONCE) * 1000);
  }
  return { policy, kind, replicas, p50Us: median(times), p99Us: quantile(times, 0.99) };
}

function decide(kind: Kind, pool: PoolSnapshot, task: PlacedTask): void {
  const hints = { turn: Number(task.taskId) };
  const decision = kind === "admission" ? choosePool([pool], task, hints) : chooseReplica(pool, task, hints);
  if (decision.kind !== "placed") throw new Error(decision.reason);
}

/** Some replicas are down, some full: a decision looks at all of them. */
function poolOf(policy: Policy, count: number): PoolSnapshot {
  const clock = systemClock();
  const replicas = Array.from({ length: count }, (_, n) => {
    const facts = {
      id: `replica-${String(n).padStart(5, "0")}`,
      endpoint: { url: `http://127.0.0.1:${n}` },
      ready: n % 10 !== 3,
      draining: false,
      slotsTotal: 8,
      slotsForeign: 0,
      ctxMax: 4096,
      vramTotalBytes: 80e9,
    };
    const live = new LiveReplica(facts, new Breaker({ failures: 5, openMs: 10_000 }), () => clock.monotonic());
    live.inFlight = (n * 7) % 9;
    return live;
  });
  return { id: "pool", engine: "vllm", models: ["other", "model"], policy, draining: false, queueDepth: 3, replicas };
}

function taskOf(n: number): PlacedTask {
  return {
    taskId: String(n),
    model: "model",
    ctx: 2048,
    vramBytes: 40e9,
    determinism: "best_effort",
    placement: { mode: "auto", preferPools: [], avoidPools: [], allowFallback: true },
    affinity: `session:${n % 500}`,
  };
}

function report(rounds: readonly (readonly Measured[])[]): Report {
  const cases = (rounds[0] ?? []).map((one, at) => ({
    ...one,
    p50Us: median(rounds.map((round) => round[at]?.p50Us ?? Number.NaN)),
    p99Us: median(rounds.map((round) => round[at]?.p99Us ?? Number.NaN)),
  }));
  const worst = Math.max(
    ...POLICIES.map((policy) =>
      cases.filter((one) => one.policy === policy && one.replicas === 1000).reduce((sum, { p50Us }) => sum + p50Us, 0),
    ),
  );
  return {
    title: `placement: ${rounds.length} rounds, each ${SAMPLES} × ${AT_ONCE} decisions a case`,
    columns: ["policy", "replicas", "admission p50 µs", "p99 µs", "dispatch p50 µs", "p99 µs"],
    rows: cases
      .filter(({ kind }) => kind === "admission")
      .map(({ policy, replicas, p50Us, p99Us }) => {
        const other = cases.find((one) => one.policy === policy && one.replicas === replicas && one.kind === "dispatch");
        return [policy, replicas, p50Us, p99Us, other?.p50Us, other?.p99Us];
      }),
    targets: [
      {
        claim: "one task over 1,000 replicas, both decisions together, slowest policy (p50)",
        value: worst,
        limit: LIMIT_US,
        unit: "µs",
        must: "<=",
      },
    ],
    raw: rounds,
  };
}
