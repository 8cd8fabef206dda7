/** What supervising 100 idle services costs, with http probes each second and without; and 20 idle containers. */
import { messageOf } from "../src/kernel/errors.ts";
import { assemble, type Subject } from "./peers/cast.ts";
import { CONTAINERS, orcoContainers } from "./peers/containers.ts";
import { allAnswer, timeBoth } from "./peers/observe.ts";
import { PATIENCE_MS } from "./peers/peer.ts";
import { cpuMs, memory, supervisors, type Memory } from "./peers/proc.ts";
import { Ground, makeStack } from "./peers/stack.ts";
import { ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

const SHAPE = { services: 100, layers: 5 };
const SETTLE_MS = 4_000;
const WINDOW_MS = 20_000;

interface Idle {
  /** Percent of one core over the window, of everything that supervises. */
  readonly cpu: number;
  readonly daemon: Memory;
  readonly daemonProcesses: number;
  readonly all: Memory;
  readonly shims: number;
}

/** Of containers, docker's own part is not counted. */
type InContainers = Pick<Idle, "cpu" | "daemon">;

interface Failed {
  readonly error: string;
}

type Outcome = Idle | Failed;

export async function run(options: BenchOptions = {}): Promise<Report> {
  const cast = await assemble(options, "restart");
  const ground = new Ground();
  const outcomes = new Map<Subject, Outcome>();
  try {
    await ground.build();
    for (const subject of cast.subjects) {
      outcomes.set(subject, await idle(ground, subject).catch((error: unknown) => ({ error: messageOf(error) })));
      await ground.sweep();
    }
    const wanted = options.only === undefined || options.only.includes("orco");
    const containers = wanted ? await inContainers(ground).catch((error: unknown) => ({ error: messageOf(error) })) : undefined;
    return report({ outcomes, containers }, cast.versions);
  } finally {
    await ground.close();
  }
}

async function inContainers(ground: Ground): Promise<InContainers> {
  await orcoContainers.available();
  const session = await orcoContainers.open(ground);
  ground.closing(session.close);
  try {
    await session.up();
    await Bun.sleep(SETTLE_MS);
    const daemon = session.daemon ? [session.daemon()] : [];
    return { cpu: await cpuOf(daemon), daemon: memory(daemon) };
  } finally {
    await session.down().catch(() => {});
    await session.close();
  }
}

/** Percent of one core over the window. */
async function cpuOf(pids: readonly number[]): Promise<number> {
  const sum = () => pids.reduce((total, pid) => total + cpuMs(pid), 0);
  const [before, started] = [sum(), performance.now()];
  await Bun.sleep(WINDOW_MS);
  return (100 * (sum() - before)) / (performance.now() - started);
}

async function idle(ground: Ground, subject: Subject): Promise<Idle> {
  const stack = await makeStack(ground, { ...SHAPE, probes: subject.probes });
  const session = await subject.peer.open(ground, stack);
  ground.closing(session.close);
  try {
    await timeBoth(session.up, (signal) => allAnswer(stack, PATIENCE_MS, signal));
    await Bun.sleep(SETTLE_MS);
    const { daemon, shims } = supervisors(ground.services());
    const all = [...daemon, ...shims];
    const cpu = await cpuOf(all);
    return { cpu, daemon: memory(daemon), daemonProcesses: daemon.length, all: memory(all), shims: shims.length };
  } finally {
    await session.down().catch(() => {});
    await session.close();
  }
}

interface Found {
  readonly outcomes: ReadonlyMap<Subject, Outcome>;
  readonly containers: InContainers | Failed | undefined;
}

function report({ outcomes, containers }: Found, peers: Report["peers"]): Report {
  const idles = new Map([...outcomes].flatMap(([subject, outcome]) => ("error" in outcome ? [] : [[subject, outcome] as const])));
  const orco = (probes: boolean) => [...idles].find(([subject]) => subject.peer.name === "orco" && subject.probes === probes)?.[1];
  const row = ([subject, figures]: readonly [Subject, Idle]): Cell[] => [
    subject.label,
    Number(figures.cpu.toFixed(3)),
    ratio(figures.cpu, orco(subject.probes)?.cpu),
    figures.daemon.rssMiB,
    figures.daemon.pssMiB,
    figures.all.pssMiB,
    figures.shims,
  ];
  const inside = `orco, ${CONTAINERS.services} containers, probes`;
  const all = [...outcomes].map(([subject, outcome]) => [subject.label, outcome] as const);
  const named: (readonly [string, Outcome | InContainers])[] = containers ? [...all, [inside, containers]] : all;
  const failed = named.flatMap(([label, outcome]) => ("error" in outcome ? [`${label} failed: ${outcome.error}`] : []));
  return {
    title: `idle-100: 100 idle services, ${WINDOW_MS / 1000} s, ${SETTLE_MS / 1000} s after all were up`,
    columns: ["tool", "CPU (% of a core)", "× orco", "daemon RSS (MiB)", "daemon PSS (MiB)", "daemon + shims PSS (MiB)", "shims"],
    rows: [...[...idles].map(row), ...(containers && !("error" in containers) ? [containerRow(inside, containers)] : [])],
    targets: [
      { claim: "orco with probes, CPU of daemon and shims", value: orco(true)?.cpu, limit: 1.5, unit: "% of a core", must: "<=" },
      { claim: "orco without probes, CPU of daemon and shims", value: orco(false)?.cpu, limit: 0.3, unit: "% of a core", must: "<=" },
      { claim: "orco with probes, RSS of the daemon alone", value: orco(true)?.daemon.rssMiB, limit: 60, unit: "MiB", must: "<=" },
      { claim: "orco with probes, PSS of daemon and shims", value: orco(true)?.all.pssMiB, limit: 60, unit: "MiB", must: "<=" },
    ],
    notes: [
      "daemon: the process above all services; shims: whatever stands between it and single services (orco: one sh each). CPU counts both, and children they reaped",
      "CPU as the kernel counts it, shown in steps of 10 ms (0.05 % here); the services themselves are not counted",
      "PSS shares a page among all processes that map it: other bun processes on the machine lower it, RSS counts it whole",
      "containers: docker compose leaves nothing running beside docker, whose own part is not counted on either side",
      ...failed,
    ],
    ...(peers && { peers }),
    raw: Object.fromEntries(named),
  };
}

function containerRow(label: string, { cpu, daemon }: InContainers): Cell[] {
  return [label, Number(cpu.toFixed(3)), undefined, daemon.rssMiB, daemon.pssMiB, daemon.pssMiB, 0];
}
