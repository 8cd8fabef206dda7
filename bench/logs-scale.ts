/**
 * Reading logs of some size through a real daemon: 10 GB of one service, and 10 GB of fifty. They are written once, with the log's own writer,
 * below LOGS_DIR (a temporary folder, removed afterwards, without it); LOGS_GB says how much.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Daemon, ORCO } from "./logs-daemon.ts";
import { writeLog } from "./logs-written.ts";
import { type BenchOptions, type Cell, quantile, type Report } from "./table.ts";

const GIGABYTES = Number(process.env["LOGS_GB"] ?? 10);
const SERVICES = 50;
const DAY_MS = 86_400_000;
const RARE = "needle-in-hay";
const ROUNDS = 15;
const PING_MS = 20;

export async function run(options: BenchOptions = {}): Promise<Report> {
  const kept = process.env["LOGS_DIR"];
  const dir = kept ?? mkdtempSync(join(tmpdir(), "orco-bench-logs-scale-"));
  try {
    const end = ground(dir);
    await using daemon = await Daemon.begin(dir);
    return await measure(new Scene(dir, daemon, end), options.rounds ?? ROUNDS);
  } finally {
    if (kept === undefined) rmSync(dir, { recursive: true, force: true });
  }
}

/** Epoch ms of the newest line. */
function ground(dir: string): number {
  const done = join(dir, "written");
  if (existsSync(done)) return Number(readFileSync(done, "utf8"));
  const root = join(dir, "state/logs");
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const toMs = Date.now();
  const all = { root, fromMs: toMs - DAY_MS, toMs };
  writeLog({ ...all, stack: "one", service: "big", bytes: GIGABYTES * 1e9, maxFileSizeBytes: 4 * 2 ** 30, rare: RARE });
  for (let i = 0; i < SERVICES; i++) {
    const bytes = (GIGABYTES * 1e9) / SERVICES;
    writeLog({ ...all, stack: "many", service: `s${i}`, bytes, maxFileSizeBytes: 16 * 2 ** 20, rare: i === 7 ? RARE : "" });
  }
  writeFileSync(done, String(toMs));
  return toMs;
}

class Scene {
  constructor(
    readonly dir: string,
    readonly daemon: Daemon,
    readonly end: number,
  ) {}

  get since(): string {
    return `since=${this.end - 600_000}`;
  }

  /** Puts the files of a stack out of the page cache. */
  cool(stack: string): void {
    const root = join(this.dir, "state/logs", stack);
    const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => /\.(log|idx)$/.test(name));
    for (const name of names) {
      Bun.spawnSync(["dd", `of=${join(root, name)}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], { stderr: "ignore" });
    }
  }

  /** ms until the first byte of the answer's body, and until its end where that is wanted. */
  async first(stack: string, query: string): Promise<number> {
    const from = performance.now();
    const gone = new AbortController();
    const answer = await this.daemon.logs(stack, query, gone.signal);
    const reader = answer.body?.getReader();
    const { done } = (await reader?.read()) ?? { done: true };
    const ms = performance.now() - from;
    gone.abort();
    if (done) throw new Error(`${stack}?${query}: no line`);
    return ms;
  }

  /** ms until the last byte, and the lines. */
  async whole(stack: string, query: string): Promise<{ ms: number; lines: string[] }> {
    const from = performance.now();
    const answer = await this.daemon.logs(stack, query);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${stack}?${query}: ${answer.status} ${text}`);
    return { ms: performance.now() - from, lines: text.split("\n").filter(Boolean) };
  }

  async command(args: string[]): Promise<number> {
    const from = performance.now();
    const child = Bun.spawn([ORCO, ...args], { env: this.daemon.env, stdout: "pipe", stderr: "inherit" });
    const { done } = await child.stdout.getReader().read();
    const ms = performance.now() - from;
    child.kill();
    await child.exited;
    if (done) throw new Error(`orco ${args.join(" ")} said nothing`);
    return ms;
  }
}

interface Found {
  readonly rows: Cell[][];
  readonly raw: Record<string, number>;
}

async function measure(scene: Scene, rounds: number): Promise<Report> {
  const found: Found = { rows: [], raw: {} };
  const add = (what: string, value: number, unit: string): number => {
    found.rows.push([what, value, unit]);
    found.raw[`${what}, ${unit}`] = value;
    return value;
  };
  const times = async (what: string, ask: () => Promise<number>): Promise<number> => {
    const all: number[] = [];
    for (let round = 0; round < rounds; round++) all.push(await ask());
    add(`${what}, p50`, quantile(all, 0.5), "ms");
    return add(`${what}, slowest`, Math.max(...all), "ms");
  };
  add("daemon before anything is asked, RSS", scene.daemon.memory().rss, "MiB");
  const limits: number[] = [];
  for (const stack of ["one", "many"]) {
    const of = stack === "one" ? "one service" : `${SERVICES} services`;
    scene.cool(stack);
    limits.push(add(`since 10m, ${of}: first line, first query, nothing cached`, await scene.first(stack, scene.since), "ms"));
    limits.push(await times(`since 10m, ${of}: first line, cold`, async () => (scene.cool(stack), scene.first(stack, scene.since))));
    limits.push(await times(`since 10m, ${of}: first line, warm`, () => scene.first(stack, scene.since)));
    const at = new Date(scene.end - 600_000).toISOString();
    await times(`since 10m, ${of}: first line, orco logs`, () => scene.command(["--stack", stack, "logs", "--since", at]));
    await times(`tail 100, ${of}: all, cold`, async () => (scene.cool(stack), tail(scene, stack)));
    limits.push(await times(`tail 100, ${of}: all, warm`, () => tail(scene, stack)));
  }
  add("daemon after these, RSS", scene.daemon.memory().rss, "MiB");
  for (const stack of ["one", "many"]) await grep(scene, stack, add);
  const left = await leave(scene, add);
  return {
    title: `logs of ${GIGABYTES} GB in one service, and of ${GIGABYTES} GB in ${SERVICES}, through the daemon`,
    columns: ["what", "value", "unit"],
    rows: found.rows,
    targets: [
      { claim: "first line since 10m and the last 100, slowest", value: Math.max(...limits), limit: 100, unit: "ms", must: "<=" },
      { claim: "CPU used after the reader of a grep left", value: left, limit: 0.1, unit: "s", must: "<=" },
    ],
    notes: [
      "measured from the request to the first byte of the body on a TCP connection of its own; `orco logs` from the start of the command",
      "cold: the files are put out of the page cache before each round",
    ],
    raw: found.raw,
  };
}

async function tail(scene: Scene, stack: string): Promise<number> {
  const { ms, lines } = await scene.whole(stack, "tail=100");
  if (lines.length !== 100) throw new Error(`tail of ${stack}: ${lines.length} lines`);
  return ms;
}

type Add = (what: string, value: number, unit: string) => number;

/** How long others wait while it scans is what the figure of a grep is worth. */
async function grep(scene: Scene, stack: string, add: Add): Promise<void> {
  const alone = await pings(scene.daemon, Bun.sleep(2000));
  scene.cool(stack);
  const asked = scene.whole(stack, `grep=${RARE}`);
  const others = await pings(scene.daemon, asked);
  const { ms, lines } = await asked;
  if (lines.length !== 1) throw new Error(`grep of ${stack}: ${lines.length} lines`);
  scene.cool(stack);
  const floor = performance.now();
  Bun.spawnSync(["grep", "-rhF", "--include=*.log", RARE, join(scene.dir, "state/logs", stack)], { env: { LC_ALL: "C" } });
  const grepMs = performance.now() - floor;
  const warm = await scene.whole(stack, `grep=${RARE}`);
  add(`grep of one line, ${stack}, cold`, ms / 1000, "s");
  add(`grep of one line, ${stack}, after grep(1)`, warm.ms / 1000, "s");
  add(`grep(1) over the same files, ${stack}, cold`, grepMs / 1000, "s");
  add(`others meanwhile, ${stack}, p99`, quantile(others, 0.99), "ms");
  add(`others meanwhile, ${stack}, slowest`, Math.max(...others), "ms");
  add(`others before it, ${stack}, p99`, quantile(alone, 0.99), "ms");
  add(`daemon after it, ${stack}, RSS`, scene.daemon.memory().rss, "MiB");
}

/** Times of small requests until something is over. */
async function pings(daemon: Daemon, over: Promise<unknown>): Promise<number[]> {
  const all: number[] = [];
  const ended = new AbortController();
  void over.finally(() => ended.abort());
  while (!ended.signal.aborted) {
    const from = performance.now();
    const answer = await fetch(`${daemon.url}/health`);
    if (!answer.ok) throw new Error(`/health: ${answer.status} ${await answer.text()}`);
    await answer.text();
    all.push(performance.now() - from);
    await Bun.sleep(PING_MS);
  }
  return all;
}

async function leave(scene: Scene, add: Add): Promise<number> {
  const gone = new AbortController();
  const answer = scene.daemon.logs("one", `grep=${RARE}`, gone.signal).then((response) => response.text());
  await Bun.sleep(300);
  gone.abort();
  await answer.catch(() => "");
  await Bun.sleep(50);
  const before = scene.daemon.cpu();
  await Bun.sleep(2000);
  return add("CPU of the daemon in the 2 s after the reader of a grep left", scene.daemon.cpu() - before, "s");
}
