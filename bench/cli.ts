/** What a user waits for `orco status` while the daemon is up, beside the same question to the peers. */
import { messageOf } from "../src/kernel/errors.ts";
import { assemble, type Subject } from "./peers/cast.ts";
import { execute } from "./peers/execute.ts";
import { allAnswer, timeBoth } from "./peers/observe.ts";
import { PATIENCE_MS, type Session } from "./peers/peer.ts";
import { Ground, makeStack } from "./peers/stack.ts";
import { median, quantile, ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

const SHAPE = { services: 10, layers: 2 };

interface Asked {
  readonly label: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly times: number[];
  readonly cpu: number[];
  error?: string;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  const cast = await assemble(options, "status");
  const subjects = cast.subjects.filter(({ peer, probes }) => probes || !peer.can.probes);
  const ground = new Ground();
  const sessions: Session[] = [];
  const asked: Asked[] = [];
  try {
    await ground.build();
    for (const subject of subjects) asked.push(await begin(ground, subject, sessions));
    asked.push({ label: "floor: bun runs an empty file", command: [process.execPath, await empty(ground)], env: {}, times: [], cpu: [] });
    for (let round = 0; round < (options.rounds ?? 30); round++) for (const one of asked) ask(one);
  } finally {
    for (const session of sessions) await session.down().catch(() => {});
    await ground.close();
  }
  return report(asked, cast.versions);
}

async function empty(ground: Ground): Promise<string> {
  const file = `${ground.root}/empty.js`;
  await Bun.write(file, "");
  return file;
}

async function begin(ground: Ground, subject: Subject, sessions: Session[]): Promise<Asked> {
  const stack = await makeStack(ground, { ...SHAPE, probes: subject.probes });
  const session = await subject.peer.open(ground, stack);
  ground.closing(session.close);
  sessions.push(session);
  const command = session.status ?? [];
  const one: Asked = { label: named(subject, command), command, env: session.env, times: [], cpu: [] };
  try {
    await timeBoth(session.up, (signal) => allAnswer(stack, PATIENCE_MS, signal));
    await execute(command, { env: session.env, timeoutMs: 10_000 }); // once unmeasured: its files are in the page cache then
  } catch (error) {
    one.error = messageOf(error);
  }
  return one;
}

const WORDS: Readonly<Record<string, string>> = {
  orco: "orco status",
  pm2: "pm2 jlist",
  supervisord: "supervisorctl status",
  "process-compose": "process-compose process list -o wide",
};

function named({ peer }: Subject, command: readonly string[]): string {
  return WORDS[peer.name] ?? command.join(" ");
}

function ask(one: Asked): void {
  if (one.error !== undefined) return;
  const started = performance.now();
  const { exitCode, resourceUsage, stderr } = Bun.spawnSync([...one.command], {
    env: one.env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 10_000,
  });
  // supervisorctl status exits 3 when something is not RUNNING; none of the tools should say so here.
  if (exitCode !== 0) one.error = `exit ${exitCode}: ${stderr.toString().trim().slice(-300)}`;
  else {
    one.times.push(performance.now() - started);
    one.cpu.push(Number(resourceUsage.cpuTime.total) / 1000);
  }
}

function report(asked: readonly Asked[], peers: Report["peers"]): Report {
  const orco = asked.find(({ label }) => label === "orco status");
  const ours = orco && orco.times.length > 0 ? median(orco.times) : undefined;
  const row = ({ label, times, cpu }: Asked): Cell[] => [
    label,
    median(times),
    quantile(times, 0.99),
    ratio(median(times), ours),
    median(cpu),
  ];
  return {
    title: `cli: wall time of the status command, daemon up, ${SHAPE.services} services`,
    columns: ["command", "p50 (ms)", "p99 (ms)", "× orco", "CPU p50 (ms)"],
    rows: asked.filter(({ times }) => times.length > 0).map(row),
    targets: [{ claim: "orco status, p50", value: ours, limit: 40, unit: "ms", must: "<=" }],
    notes: asked.flatMap(({ label, error }) => (error === undefined ? [] : [`${label} failed: ${error}`])),
    ...(peers && { peers }),
    raw: Object.fromEntries(asked.map(({ label, times, cpu }) => [label, { times, cpu }])),
  };
}
