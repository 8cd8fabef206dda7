/**
 * `npm run bench -- <name>… [--rounds N] [--only orco,pm2]`: runs a bench, prints its table and writes
 * `bench/results/<name>.json`. Peers run in the same invocation, rounds interleaved: only ratios in one run count.
 */
import { parseArgs } from "node:util";
import { machine, render, verdict, write, type Bench, type BenchOptions, type Report } from "./table.ts";

const BENCHES: Record<string, () => Promise<{ run: Bench }>> = {
  "up-100": () => load("up-100"),
  "up-20-docker": () => load("up-20-docker"),
  "stop-100": () => load("stop-100"),
  "idle-100": () => load("idle-100"),
  restart: () => load("restart"),
  cli: () => load("cli"),
  logs: () => load("logs"),
  "logs-scale": () => load("logs-scale"),
  "logs-follow": () => load("logs-follow"),
  journal: () => load("journal"),
  "edge-http": () => load("edge-http"),
  "edge-tcp": () => load("edge-tcp"),
  "edge-routes": () => load("edge-routes"),
  swap: () => load("swap"),
  rolling: () => load("rolling"),
  sse: () => load("sse"),
  runs: () => load("runs"),
  checkpoints: () => load("checkpoints"),
  placement: () => load("placement"),
  relay: () => load("relay"),
  queue: () => load("queue"),
  eta: () => load("eta"),
  repair: () => load("repair"),
};

function load(name: string): Promise<{ run: Bench }> {
  return import(`./${name}.ts`) as Promise<{ run: Bench }>;
}

async function bench(name: string, options: BenchOptions): Promise<void> {
  const before = { date: new Date().toISOString(), machine: machine() };
  const started = performance.now();
  const module = await BENCHES[name]?.();
  const result = await module?.run(options);
  if (result === undefined || result === null) return; // it printed and wrote its own
  if (isReport(result)) console.log(render(result));
  else console.log(JSON.stringify(result, undefined, 1));
  const seconds = Number(((performance.now() - started) / 1000).toFixed(1));
  if (options.only !== undefined) return; // the file holds whole runs
  const file = write(name, { name, ...before, seconds, ...facts(result) });
  console.log(`written ${file} (${seconds} s)\n`);
}

function facts(result: Report): Record<string, unknown> {
  if (!isReport(result)) return { result };
  return { ...result, targets: result.targets?.map((target) => ({ ...target, verdict: verdict(target) })) };
}

function isReport(result: unknown): result is Report {
  return typeof result === "object" && result !== null && "columns" in result && "rows" in result;
}

function usage(problem: string): never {
  console.error(`${problem}\nusage: npm run bench -- <${Object.keys(BENCHES).join(" | ")} | all> [--rounds N] [--only orco,pm2,…]`);
  process.exit(2);
}

function parse(argv: string[]): { names: string[]; options: BenchOptions } {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { rounds: { type: "string" }, only: { type: "string" } },
  });
  const names = positionals.includes("all") ? Object.keys(BENCHES) : positionals;
  if (names.length === 0) usage("which bench?");
  for (const name of names) if (!(name in BENCHES)) usage(`no bench called ${name}`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) usage("--rounds wants a whole number from 1");
  return {
    names,
    options: { ...(rounds !== undefined && { rounds }), ...(values.only !== undefined && { only: values.only.split(",") }) },
  };
}

const { names, options } = parse(process.argv.slice(2));
let failed = false;
for (const name of names) {
  try {
    await bench(name, options);
  } catch (error) {
    failed = true;
    console.error(`bench ${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
process.exit(failed ? 1 : 0);
