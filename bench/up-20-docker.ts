/** From the command – no daemon of the tool running yet – to 20 containers healthy, in 3 layers; and down again. */
import { messageOf } from "../src/kernel/errors.ts";
import { composeContainers, CONTAINERS, orcoContainers, type ContainerTool } from "./peers/containers.ts";
import { Ground } from "./peers/stack.ts";
import { median, ratio, type BenchOptions, type Cell, type Report } from "./table.ts";

interface Cycle {
  readonly upMs: number;
  readonly downMs: number;
}

interface Stand {
  readonly tool: ContainerTool;
  readonly cycles: Cycle[];
  error?: string;
}

export async function run(options: BenchOptions = {}): Promise<Report> {
  const versions: Record<string, string> = {};
  const stands: Stand[] = [];
  const ground = new Ground();
  try {
    for (const tool of [orcoContainers, composeContainers]) {
      if (options.only !== undefined && !options.only.includes(tool.name)) continue;
      try {
        if (!(await tool.available())) await tool.install();
        versions[tool.name] = await tool.version();
        stands.push({ tool, cycles: [] });
      } catch (error) {
        versions[tool.name] = `missing: ${messageOf(error)}`;
      }
    }
    for (let round = 0; round < (options.rounds ?? 3); round++) for (const stand of stands) await cycle(ground, stand);
  } finally {
    await ground.close();
  }
  return report(stands, versions);
}

async function cycle(ground: Ground, stand: Stand): Promise<void> {
  if (stand.error !== undefined) return;
  const session = await stand.tool.open(ground);
  ground.closing(session.close);
  try {
    const upMs = await timed(session.up);
    stand.cycles.push({ upMs, downMs: await timed(session.down) });
  } catch (error) {
    stand.error = messageOf(error);
  } finally {
    await session.close();
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function report(stands: readonly Stand[], peers: Record<string, string>): Report {
  const middle = (stand: Stand | undefined, of: (cycle: Cycle) => number) =>
    stand && stand.cycles.length > 0 ? median(stand.cycles.map(of)) : undefined;
  const ours = stands.find(({ tool }) => tool === orcoContainers);
  const theirs = stands.find(({ tool }) => tool === composeContainers);
  const up = (stand: Stand | undefined) => middle(stand, ({ upMs }) => upMs);
  const down = (stand: Stand | undefined) => middle(stand, ({ downMs }) => downMs);
  return {
    title: `up-20-docker: ${CONTAINERS.services} containers in ${CONTAINERS.layers} layers, from the command to all healthy, and down; medians`,
    columns: ["tool", "all healthy (ms)", "× orco", "down (ms)", "× orco"],
    rows: stands.map((stand): Cell[] => [
      stand.tool.name,
      up(stand),
      ratio(up(stand), up(ours)),
      down(stand),
      ratio(down(stand), down(ours)),
    ]),
    targets: [
      { claim: "orco up ÷ docker compose up", value: ratio(up(ours), up(theirs)), limit: 1, unit: "×", must: "<=" },
      { claim: "orco down ÷ docker compose down", value: ratio(down(ours), down(theirs)), limit: 1, unit: "×", must: "<=" },
    ],
    notes: [
      "both: up -d --wait, then down; every service needs two of the layer before to be healthy; looked at each second",
      "orco asks over http from outside, docker runs wget inside the container; the time of the engine itself is in both",
      ...stands.flatMap(({ tool, error }) => (error === undefined ? [] : [`${tool.name} failed: ${error}`])),
    ],
    peers,
    raw: Object.fromEntries(stands.map(({ tool, cycles }) => [tool.name, cycles])),
  };
}
