/**
 * What the book of runs records in a second, in this process: creates, checkpoints over many runs and of one, reports, heartbeats; and what a daemon
 * pays for the runs that wait. `bun bench/book.ts`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../src/kernel/clock.ts";
import { uuidv7 } from "../src/kernel/id.ts";
import { Journal } from "../src/kernel/journal.ts";
import { Book } from "../src/runs/book.ts";
import { parsePlan } from "../src/runs/plan-schema.ts";
import { render, type Report } from "./table.ts";

const WORKED = 200;
const HOW = { mode: "local", owner: "bench" } as const;
const PLAN = { plan: { steps: ["a", "b", "c", "d", "e"].map((id) => ({ id, command: ["true"] })) } };

interface Figure {
  readonly what: string;
  readonly count: number;
  readonly ms: number;
}

export async function run(): Promise<Report> {
  // Beside the results, not in /tmp: that may be memory, where fsync costs nothing.
  const folder = mkdtempSync(join(import.meta.dir, "results", ".book-"));
  const clock = systemClock();
  const journal = Journal.open({ path: join(folder, "orco.db"), clock });
  try {
    const open = (): Book => bookOf(journal);
    const book = open();
    book.start();
    const figures = await measure(book);
    book.close();
    const started = performance.now();
    const next = open();
    next.start();
    figures.push({ what: "start of the next daemon", count: 1, ms: performance.now() - started });
    next.close();
    return report(figures);
  } finally {
    journal.close();
    rmSync(folder, { recursive: true });
  }
}

/** None of its runs begins: what is measured is the book. */
function bookOf(journal: Journal): Book {
  const clock = systemClock();
  return new Book({
    journal,
    clock,
    newId: () => uuidv7(clock),
    onError: (error) => console.error(error),
    leaseMs: 600_000,
    maxRuns: 0,
    tokenSecret: "bench",
    checks: { parsePlan, webhookUrl: (url) => url, isSet: () => true },
    dispatchers: {},
    onDrive: () => undefined,
    onEnd: () => undefined,
    onLog: () => undefined,
  });
}

async function measure(book: Book): Promise<Figure[]> {
  const ids: string[] = [];
  const figures = [
    await timed("create, external", 10_000, async () => void ids.push((await book.create({ input: { a: 1 } }, HOW)).id)),
    await timed("create, plan of 5 steps", 90_000, async () => void (await book.create(PLAN, HOW))),
  ];
  const held = await Promise.all(ids.slice(0, WORKED).map(async (id) => ({ id, token: (await book.workers.claim(id, "bench")).token })));
  const of = (n: number) => held[n % WORKED] ?? { id: "", token: "" };
  const data = { type: "bench", data: { step: "train", loss: 0.25 } };
  const report = (n: number) => ({ changes: [{ step: `s${n % 40}`, event: "begin" as const }], checkpoints: [data] });
  figures.push(
    await timed(`checkpoint, ${WORKED} runs`, 100_000, async (n) => void (await book.checkpoint(of(n).id, data, of(n)))),
    await timed("checkpoint, one run", 50_000, async () => void (await book.checkpoint(of(0).id, data, of(0)))),
    await timed("checkpoint, runs nobody holds", 20_000, async (n) => void (await book.checkpoint(ids[WORKED + (n % 5000)] ?? "", data))),
    await timed(`report, ${WORKED} runs`, 20_000, async (n) => void (await book.workers.report(of(n).id, report(n), of(n)))),
    await timed("heartbeat", 50_000, async (n) => void (await book.workers.heartbeat(of(n).id, {}, of(n)))),
  );
  return figures;
}

/** 256 at a time. */
async function timed(what: string, count: number, act: (n: number) => Promise<void>): Promise<Figure> {
  const next = { n: 0 };
  const started = performance.now();
  const lane = async (): Promise<void> => {
    for (let n = next.n++; n < count; n = next.n++) await act(n);
  };
  await Promise.all(Array.from({ length: 256 }, lane));
  return { what, count, ms: performance.now() - started };
}

function report(figures: readonly Figure[]): Report {
  const perSecond = (what: string) => figures.filter((one) => one.what.startsWith(what)).map(({ count, ms }) => (count / ms) * 1000);
  return {
    title: "The book of runs, in process, every answer on disk",
    columns: ["what", "count", "ms", "per second"],
    rows: figures.map(({ what, count, ms }) => [what, count, Math.round(ms), Math.round((count / ms) * 1000)]),
    targets: [
      { claim: "creates", value: Math.min(...perSecond("create")), limit: 2000, unit: "/s", must: ">=" },
      { claim: "checkpoints over many runs", value: perSecond(`checkpoint, ${WORKED}`)[0], limit: 10_000, unit: "/s", must: ">=" },
    ],
  };
}

if (import.meta.main) console.log(render(await run()));
