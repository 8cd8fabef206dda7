/**
 * Fan-out of a run's events: a server process that appends 100 events a second, client processes that check every id and how late each
 * event is, and clients that never read. All on the same cores.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./peers/execute.ts";
import { type BenchOptions, type Report } from "./table.ts";

const READERS = 2000;
const PROCESSES = 2;
const PER_SECOND = 100;
const SECONDS = 20;
const SMALL = 15;
const LARGE = 50_000;
const ROUNDS = 3;

interface Scene {
  readonly name: string;
  readonly readers: number;
  readonly stuck: number;
  readonly perSecond: number;
  /** Of text in each event. */
  readonly bytes: number;
}

const SCENES: readonly Scene[] = [
  { name: "one reader", readers: 1, stuck: 0, perSecond: PER_SECOND, bytes: SMALL },
  { name: "2,000 readers", readers: READERS, stuck: 0, perSecond: PER_SECOND, bytes: SMALL },
  { name: "2,000, 10 % stuck", readers: READERS * 0.9, stuck: READERS * 0.1, perSecond: PER_SECOND, bytes: SMALL },
  { name: "50 kB events, 40 and 200 stuck", readers: 40, stuck: 200, perSecond: 20, bytes: LARGE },
];

interface Seen {
  readonly frames: number;
  readonly gaps: number;
  readonly repeated: number;
  readonly ended: number;
  readonly cpuS: number;
  readonly late: readonly (readonly [tenths: number, count: number])[];
}

interface Outcome {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly framesPerS: number;
  readonly serverCpu: number;
  /** Share of the time in which the server was ready to run and others had the cores. */
  readonly waited: number;
  readonly clientCpuS: number;
  /** Peak RSS of the server less what it had before the first client, MiB. */
  readonly grewMiB: number;
  readonly peakMiB: number;
  /** Readers that were cut because they did not read. */
  readonly slow: number;
  /** What the journal gave and clients did not get, or got twice; 0 in a right run. */
  readonly wrong: number;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  mkdirSync(join(import.meta.dir, "results"), { recursive: true });
  // Beside the results, not in /tmp: that may be memory, where fsync costs nothing.
  const folder = mkdtempSync(join(import.meta.dir, "results", ".sse-"));
  try {
    const stuckProgram = join(folder, "sse-stuck");
    await execute(["cc", "-O2", "-o", stuckProgram, join(import.meta.dir, "programs/sse-stuck.c")], { timeoutMs: 30_000 });
    const outcomes = new Map<string, Outcome[]>(SCENES.map(({ name }) => [name, []]));
    for (let round = 0; round < (options.rounds ?? ROUNDS); round++) {
      for (const scene of SCENES) outcomes.get(scene.name)?.push(await play(scene, { folder, stuckProgram }));
    }
    return report(outcomes);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function play(scene: Scene, { folder, stuckProgram }: { folder: string; stuckProgram: string }): Promise<Outcome> {
  await using server = new Program([process.execPath, join(import.meta.dir, "programs/sse-server.ts")], { TMPDIR: folder });
  const { url, run: id } = await server.line<{ url: string; run: string }>();
  const stream = `${url}/runs/${id}/events`;
  server.send(`go 100 1 ${SMALL}`);
  await server.line();
  server.send("rss");
  const before = (await server.line<{ rssMiB: number }>()).rssMiB;
  const command = [stuckProgram, new URL(url).port, String(scene.stuck), new URL(stream).pathname];
  const stuck = scene.stuck > 0 ? await stuckReaders(command) : undefined;
  const readers = Array.from({ length: Math.min(PROCESSES, scene.readers) }, () => {
    const each = scene.readers / Math.min(PROCESSES, scene.readers);
    return new Program([process.execPath, join(import.meta.dir, "programs/sse-clients.ts"), `${stream}?replay=0`, String(each)]);
  });
  try {
    await Promise.all(readers.map((reader) => reader.line()));
    server.send(`go ${scene.perSecond} ${SECONDS} ${scene.bytes}`);
    const made = await server.line<{ events: number; cpu: number; waited: number; peakMiB: number }>();
    server.send("slow");
    const { slow } = await server.line<{ slow: number }>();
    server.send("end");
    const seen = await Promise.all(readers.map((reader) => reader.line<Seen>()));
    return outcomeOf(scene, { before, made, seen, slow });
  } finally {
    for (const program of [...readers, ...(stuck ? [stuck] : [])]) await program[Symbol.asyncDispose]();
  }
}

async function stuckReaders(command: string[]): Promise<Program> {
  const stuck = new Program(command);
  await stuck.text();
  return stuck;
}

function outcomeOf(
  scene: Scene,
  {
    before,
    made,
    seen,
    slow,
  }: { before: number; made: { events: number; cpu: number; waited: number; peakMiB: number }; seen: readonly Seen[]; slow: number },
): Outcome {
  const sum = (of: (one: Seen) => number) => seen.reduce((total, one) => total + of(one), 0);
  const late = new Map<number, number>();
  for (const [tenths, count] of seen.flatMap((one) => one.late)) late.set(tenths, (late.get(tenths) ?? 0) + count);
  const frames = sum((one) => one.frames);
  const missing = scene.readers * made.events - frames;
  return {
    ...quantiles(late, frames),
    framesPerS: frames / SECONDS,
    serverCpu: made.cpu,
    waited: made.waited,
    clientCpuS: sum((one) => one.cpuS),
    grewMiB: made.peakMiB - before,
    peakMiB: made.peakMiB,
    slow,
    // A reader of only what is new does not begin with 1: that one jump is no gap.
    wrong: Math.abs(missing) + sum((one) => one.gaps + one.repeated) - scene.readers + (scene.readers - sum((one) => one.ended)),
  };
}

function quantiles(late: ReadonlyMap<number, number>, frames: number): { p50: number; p99: number; max: number } {
  const sorted = [...late].toSorted(([a], [b]) => a - b);
  const at = (share: number): number => {
    let passed = 0;
    for (const [tenths, count] of sorted) if ((passed += count) >= share * frames) return tenths / 10;
    return Number.NaN;
  };
  return { p50: at(0.5), p99: at(0.99), max: (sorted.at(-1)?.[0] ?? Number.NaN) / 10 };
}

/** A process that is told lines and answers with lines. */
class Program {
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private readonly lines: AsyncIterator<string>;

  constructor(
    private readonly command: readonly string[],
    env: Record<string, string> = {},
  ) {
    this.child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit", env: { ...process.env, ...env } });
    this.lines = linesOf(this.child.stdout);
  }

  send(line: string): void {
    void this.child.stdin.write(`${line}\n`);
    void this.child.stdin.flush();
  }

  async text(): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.command.join(" ")} ended without an answer`);
    return value;
  }

  async line<T>(): Promise<T> {
    return JSON.parse(await this.text()) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    void this.child.stdin.end();
    this.child.kill();
    await this.child.exited;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

function report(outcomes: ReadonlyMap<string, readonly Outcome[]>): Report {
  const worst = (name: string, of: (one: Outcome) => number) => Math.max(...(outcomes.get(name) ?? []).map(of));
  const scene = (n: number) => SCENES[n]?.name ?? "";
  return {
    title: `sse: ${PER_SECOND} events/s for ${SECONDS} s to every reader of one run, the worst of ${outcomes.get(scene(0))?.length} rounds`,
    columns: [
      "",
      "p50 ms",
      "p99 ms",
      "max ms",
      "events/s got",
      "server cores",
      "waited for one %",
      "RSS grew MiB",
      "readers cut",
      "lost or twice",
    ],
    rows: SCENES.map(({ name }) => [
      name,
      worst(name, ({ p50 }) => p50),
      worst(name, ({ p99 }) => p99),
      worst(name, ({ max }) => max),
      -worst(name, ({ framesPerS }) => -framesPerS),
      worst(name, ({ serverCpu }) => serverCpu),
      worst(name, ({ waited }) => waited * 100),
      worst(name, ({ grewMiB }) => grewMiB),
      worst(name, ({ slow }) => slow),
      worst(name, ({ wrong }) => wrong),
    ]),
    targets: [
      { claim: "2,000 readers, p99 from append to reader", value: worst(scene(1), ({ p99 }) => p99), limit: 100, unit: "ms", must: "<=" },
      { claim: "the same with 10 % stuck", value: worst(scene(2), ({ p99 }) => p99), limit: 100, unit: "ms", must: "<=" },
      { claim: "RSS growth with 10 % stuck", value: worst(scene(2), ({ grewMiB }) => grewMiB), limit: 64, unit: "MiB", must: "<=" },
      {
        claim: "RSS growth while 200 stuck ones are cut",
        value: worst(scene(3), ({ grewMiB }) => grewMiB),
        limit: 64,
        unit: "MiB",
        must: "<=",
      },
      {
        claim: "events lost or twice",
        value: Math.max(...SCENES.map(({ name }) => worst(name, ({ wrong }) => wrong))),
        limit: 0,
        unit: "",
        must: "<=",
      },
    ],
    notes: [
      "waited: ready to run while others had the cores; with other work on the machine this, and not the server, makes the last percent",
      "late: from before the append, so with its fsync, until the reading process has it; each reader checks every id",
      "two reading processes share the cores with the server",
    ],
    raw: Object.fromEntries(outcomes),
  };
}
