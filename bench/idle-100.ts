/** What supervising 100 idle services costs, with http probes each second and without. */
import { messageOf } from "../src/kernel/errors.ts";
import { assemble, type Subject } from "./peers/cast.ts";
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

type Outcome = Idle | { readonly error: string };

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
  } finally {
    await ground.close();
  }
  return report(outcomes, cast.versions);
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
    const sum = () => all.reduce((total, pid) => total + cpuMs(pid), 0);
    const [before, started] = [sum(), performance.now()];
    await Bun.sleep(WINDOW_MS);
    const cpu = (100 * (sum() - before)) / (performance.now() - started);
    return { cpu, daemon: memory(daemon), daemonProcesses: daemon.length, all: memory(all), shims: shims.length };
  } finally {
    await session.down().catch(() => {});
    await session.close();
  }
}

function report(outcomes: ReadonlyMap<Subject, Outcome>, peers: Report["peers"]): Report {
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
  const failed = [...outcomes].flatMap(([subject, outcome]) => ("error" in outcome ? [`${subject.label} failed: ${outcome.error}`] : []));
  return {
    title: `idle-100: 100 idle services, ${WINDOW_MS / 1000} s, ${SETTLE_MS / 1000} s after all were up`,
    columns: ["tool", "CPU (% of a core)", "× orco", "daemon RSS (MiB)", "daemon PSS (MiB)", "daemon + shims PSS (MiB)", "shims"],
    rows: [...idles].map(row),
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
      ...failed,
    ],
    ...(peers && { peers }),
    raw: Object.fromEntries([...outcomes].map(([subject, outcome]) => [subject.label, outcome])),
  };
}
