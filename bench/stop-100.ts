/** From the command that takes 100 services down to the last process gone. Dependents stop before what they need. */
import { assemble, type Cast } from "./peers/cast.ts";
import { cycles, failures, good, type Rounds } from "./peers/cycle.ts";
import { Ground } from "./peers/stack.ts";
import { median, ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

const SHAPE = { services: 100, layers: 5 };

export async function run(options: BenchOptions = {}): Promise<Report> {
  const cast = await assemble(options, undefined);
  // Probes do not matter for the stop, and without them no round waits for the tools' first probe.
  const subjects = cast.subjects.filter((subject) => !subject.probes || subject.peer.name === "orco");
  const ground = new Ground();
  try {
    await ground.build();
    return report(await cycles(ground, subjects, { ...SHAPE, rounds: options.rounds ?? 3 }), cast.versions);
  } finally {
    await ground.close();
  }
}

function report(rounds: Rounds, peers: Cast["versions"]): Report {
  const figures = [...rounds.keys()].map((subject) => {
    const downs = good(rounds, subject).map(({ down }) => down);
    const left = good(rounds, subject).reduce((sum, cycle) => sum + cycle.left, 0);
    const [returns, gone] = [median(downs.map(({ returnsMs }) => returnsMs)), median(downs.map(({ goneMs }) => goneMs))];
    return { subject, returns, gone, left: downs.length > 0 ? left : undefined };
  });
  const ours = figures.find(({ subject }) => subject.peer.name === "orco" && subject.probes);
  const done = ours && Math.max(ours.returns, ours.gone);
  return {
    title: "stop-100: 100 services in 5 layers, from the command to the last process gone; medians",
    columns: ["tool", "command returns (ms)", "all gone (ms)", "× orco", "left behind"],
    rows: figures.map(({ subject, returns, gone, left }): Cell[] => [
      subject.label,
      returns,
      gone,
      ratio(Math.max(returns, gone), done),
      left,
    ]),
    targets: [{ claim: "orco with probes, the later of both", value: done, limit: 300, unit: "ms", must: "<=" }],
    notes: [
      "the services die of the first signal; orco and process-compose stop dependents first",
      "commands: orco down · process-compose down · SIGTERM to hivemind · pm2 delete all · supervisorctl shutdown",
      ...failures(rounds),
    ],
    peers,
    raw: Object.fromEntries([...rounds].map(([subject, cycles]) => [subject.label, cycles])),
  };
}
