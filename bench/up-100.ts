/** From the command – no daemon running yet – to 100 services ready, in 5 layers with http probes each second. */
import { assemble, type Subject } from "./peers/cast.ts";
import { cycles, failures, good, type Rounds } from "./peers/cycle.ts";
import { Ground } from "./peers/stack.ts";
import { median, ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

const SHAPE = { services: 100, layers: 5 };

export async function run(options: BenchOptions = {}): Promise<Report> {
  const cast = await assemble(options, undefined);
  const ground = new Ground();
  try {
    await ground.build();
    const rounds = await cycles(ground, cast.subjects, { ...SHAPE, rounds: options.rounds ?? 3 });
    return report(rounds, cast.subjects, cast.versions);
  } finally {
    await ground.close();
  }
}

function report(rounds: Rounds, subjects: readonly Subject[], peers: Report["peers"]): Report {
  const figures = new Map<Subject | undefined, Figures>(subjects.map((subject) => [subject, figuresOf(rounds, subject)]));
  const probed = find(subjects, true);
  const bare = find(subjects, false);
  const ours = (subject: Subject) => figures.get(subject.probes ? probed : bare)?.ready;
  const rows = subjects.map((subject): Cell[] => {
    const { says, answers, rss, pss, ready } = figures.get(subject) ?? NOTHING;
    return [subject.label, says, answers, ratio(ready, ours(subject)), rss, pss];
  });
  const ready = figures.get(probed)?.ready;
  return {
    title: "up-100: 100 services in 5 layers, from the command to all ready; medians",
    columns: ["tool", "tool says up (ms)", "all ports answer (ms)", "× orco", "RSS (MiB)", "PSS (MiB)"],
    rows,
    targets: [{ claim: "orco with probes, the later of both", value: ready, limit: 1000, unit: "ms", must: "<=" }],
    notes: [
      "every service needs two of the layer before; `× orco` compares, with probes, the later of both figures; without, when all ports answered",
      "process-compose's API is slow with 100 processes (0.7 s for its list), which is part of when it says up",
      "hivemind has nothing to ask whether it is up; pm2 and supervisord have no graph: they start everything at once",
      "RSS and PSS: everything above the services (daemon, shims, shells), right after the start",
      ...failures(rounds),
    ],
    ...(peers && { peers }),
    raw: Object.fromEntries([...rounds].map(([subject, done]) => [subject.label, done])),
  };
}

type Figures = Record<"says" | "answers" | "rss" | "pss" | "ready", number | undefined>;

const NOTHING: Figures = { says: undefined, answers: undefined, rss: undefined, pss: undefined, ready: undefined };

function find(subjects: readonly Subject[], probes: boolean): Subject | undefined {
  return subjects.find((subject) => subject.peer.name === "orco" && subject.probes === probes);
}

function figuresOf(rounds: Rounds, subject: Subject): Figures {
  const done = good(rounds, subject);
  if (done.length === 0) return NOTHING;
  const says = done.flatMap(({ up }) => (up.saysMs === undefined ? [] : [up.saysMs]));
  return {
    says: says.length > 0 ? median(says) : undefined,
    answers: median(done.map(({ up }) => up.answersMs)),
    ready: median(done.map(({ up }) => (subject.probes ? Math.max(up.saysMs ?? 0, up.answersMs) : up.answersMs))),
    rss: median(done.map(({ rssMiB }) => rssMiB)),
    pss: median(done.map(({ pssMiB }) => pssMiB)),
  };
}
