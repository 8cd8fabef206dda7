/**
 * The admission queue at growing depths against a plain sorted array, and how many predictions of the start of a task come true. One operation is timed in the midst of the others:
 * tasks come, are canceled and taken while as many as the depth says wait.
 */
import { AdmissionQueue } from "../src/inference/queue/queue.ts";
import { type Load, shareHonest, simulate } from "../src/inference/queue/eta-load.fake.ts";
import { numbersOf, SIZED_LOADS, UNSIZED_LOADS } from "../src/inference/queue/eta-loads.fake.ts";
import type { Waiting } from "../src/inference/queue/waiting.ts";
import { median, type BenchOptions, type Cell, type Report, type Target } from "./table.ts";

const ROUNDS = 5;
const DEPTHS = [100, 1000, 10_000, 100_000];
/** To fill what passes over all that waits takes the square of it. */
const SLOW_DEPTH = 10_000;
/** Of each kind, at each depth and in each round. */
const OPERATIONS = 500;
const POSITIONS = 50;
const SEEDS = [11, 12, 13, 14, 15];
/** Tasks that have to have ended before predictions count. */
const MEASURED = 3;

interface Queue {
  enqueue(task: Waiting): void;
  take(): void;
  cancel(id: string): void;
  position(id: string): void;
}

/** µs for one operation. */
interface Times {
  readonly enqueue: number;
  readonly take: number;
  readonly cancel: number;
  readonly position: number;
}

/** What one would write first: an array in the order of the starts, searched and spliced. Keys share nothing. */
class SortedArray implements Queue {
  private readonly tasks: Waiting[] = [];

  enqueue(task: Waiting): void {
    const index = this.tasks.findIndex((other) => other.priority === "batch" && task.priority === "interactive");
    this.tasks.splice(index === -1 ? this.tasks.length : index, 0, task);
    this.position(task.id);
  }

  take(): void {
    this.tasks.shift();
  }

  cancel(id: string): void {
    this.tasks.splice(this.position(id), 1);
  }

  position(id: string): number {
    return this.tasks.findIndex((task) => task.id === id);
  }
}

class Ours implements Queue {
  private readonly queue = new AdmissionQueue({ capacity: 1_000_000, policy: "reject", ageingMs: 30_000 });

  enqueue(task: Waiting): void {
    this.queue.enqueue(task, 0);
  }

  take(): void {
    this.queue.take(0);
  }

  cancel(id: string): void {
    this.queue.cancel(id);
  }

  position(id: string): void {
    this.queue.position(id, 0);
  }
}

interface Subject {
  readonly name: string;
  readonly make: () => Queue;
  readonly keys: number;
  /** Tasks cost 1 to this. */
  readonly costs: number;
  readonly maxDepth?: number;
}

function taskOf(n: number, { keys, costs }: Subject): Waiting {
  return { id: `t${n}`, key: `k${n % keys}`, priority: n % 3 === 0 ? "batch" : "interactive", cost: 1 + ((n * 31) % costs), at: 0 };
}

const EACH = Number.MAX_SAFE_INTEGER;
const ours = (): Queue => new Ours();
const SUBJECTS: readonly Subject[] = [
  { name: "orco, one key", make: ours, keys: 1, costs: 4 },
  { name: "orco, 100 keys", make: ours, keys: 100, costs: 4 },
  { name: "orco, a key each, even cost", make: ours, keys: EACH, costs: 1 },
  { name: "orco, a key each, uneven cost", make: ours, keys: EACH, costs: 4, maxDepth: SLOW_DEPTH },
  { name: "sorted array", make: () => new SortedArray(), keys: 100, costs: 4, maxDepth: SLOW_DEPTH },
];

export async function run(options: BenchOptions = {}): Promise<Report> {
  const rounds = options.rounds ?? ROUNDS;
  for (const subject of SUBJECTS) time(subject, 1000); // compiled before it is measured
  const measured = new Map<string, Times[]>();
  for (let round = 0; round < rounds; round++)
    for (const depth of DEPTHS)
      for (const subject of SUBJECTS.filter(({ maxDepth = depth }) => depth <= maxDepth)) {
        const name = `${subject.name}, ${depth.toLocaleString("en-US")} wait`;
        measured.set(name, [...(measured.get(name) ?? []), time(subject, depth)]);
      }
  const rows = [...measured].map(([name, times]): Cell[] => [name, ...middle(times)]);
  const eta = { ...accuracy(SIZED_LOADS), ...accuracy(UNSIZED_LOADS) };
  return {
    title: "Admission queue: µs for one operation (median of rounds); then how many of 100 predicted starts are within a factor of two",
    columns: ["queue", "enqueue", "take", "cancel", "position"],
    rows: [...rows, ...Object.entries(eta).map(([name, percent]): Cell[] => [`start predicted: ${name}`, percent])],
    targets: targets(measured, eta),
    notes: [
      "enqueue answers with the position, which is a pass over the keys, unless it is the last place of all",
      "position: of a task in the middle of what came",
      `predictions: simulated loads (src/inference/queue/eta-loads.fake.ts), of the tasks that waited, from the ${MEASURED}rd measured one on; both below 50 ms counts as right`,
    ],
    raw: Object.fromEntries(measured),
  };
}

function time(subject: Subject, depth: number): Times {
  const queue = subject.make();
  const task = (n: number): Waiting => taskOf(n, subject);
  for (let n = 0; n < depth; n++) queue.enqueue(task(n));
  const count = Math.min(OPERATIONS, depth / 2);
  const enqueue = each(count, (n) => queue.enqueue(task(depth + n)));
  const position = each(POSITIONS, (n) => queue.position(`t${(depth >> 1) + n}`));
  const cancel = each(count, (n) => queue.cancel(`t${depth + n}`));
  const take = each(count, () => queue.take());
  return { enqueue, take, cancel, position };
}

function each(count: number, act: (n: number) => void): number {
  const started = performance.now();
  for (let n = 0; n < count; n++) act(n);
  return ((performance.now() - started) * 1000) / count;
}

function middle(times: readonly Times[]): number[] {
  return (["enqueue", "take", "cancel", "position"] as const).map((name) => median(times.map((each) => each[name])));
}

/** Percent, by load. */
function accuracy(loads: Readonly<Record<string, Load>>): Record<string, number> {
  const percent = (load: Load): number => {
    const outcomes = SEEDS.flatMap((seed) => simulate(load, numbersOf(seed))).filter(({ measured }) => measured >= MEASURED);
    return 100 * shareHonest(outcomes.filter(({ actualMs, predictedMs }) => actualMs > 0 || predictedMs > 0));
  };
  return Object.fromEntries(Object.entries(loads).map(([name, load]) => [name, percent(load)]));
}

function targets(measured: ReadonlyMap<string, readonly Times[]>, eta: Readonly<Record<string, number>>): Target[] {
  const at = (name: string, operation: keyof Times): number => median((measured.get(name) ?? []).map((each) => each[operation]));
  const growth = (operation: keyof Times): number =>
    at("orco, 100 keys, 100,000 wait", operation) / at("orco, 100 keys, 1,000 wait", operation);
  const sized = Object.keys(SIZED_LOADS).map((name) => eta[name] ?? 0);
  return [
    { claim: "take: 100,000 wait ÷ 1,000 wait", value: growth("take"), limit: 8, unit: "×", must: "<=" },
    { claim: "cancel: 100,000 wait ÷ 1,000 wait", value: growth("cancel"), limit: 8, unit: "×", must: "<=" },
    { claim: "position of 10,000", value: at("orco, 100 keys, 10,000 wait", "position"), limit: 100, unit: "µs", must: "<=" },
    { claim: "starts within a factor of two, worst load of known lengths", value: Math.min(...sized), limit: 90, unit: "%", must: ">=" },
  ];
}
