import { expect, test } from "bun:test";
import type { Clock } from "../kernel/clock.ts";
import type { RunContext, Workflow } from "./define.ts";
import type { Runs } from "./execute.ts";
import { Lives, REQUEST, type Death } from "./lives.fake.ts";
import type { RunRow } from "./run.ts";

/** Each boundary opens three journals; on a busy machine that is slow. */
const TEST_MS = 60_000;
/** Of a daemon that resumes a run which unwinds: some later ones are those of the first crash again. */
const RESUMED_WRITES = 5;

/** What the steps of one daemon do to the world; acts and undos may be repeated, and a dead daemon does nothing. */
interface World {
  readonly clock: Clock;
  add(name: string): void;
  delete(name: string): void;
}

interface Scenario {
  readonly name: string;
  readonly workflow: (world: World) => Workflow;
  /** The world when it completed; when it did not: empty. */
  readonly whole: readonly string[];
  readonly ends: RunRow["status"];
  /** Deliveries and decisions, tried until they are taken. */
  readonly outside?: (runs: Runs, run: string) => Promise<unknown>;
}

function effect(world: World, { step }: RunContext) {
  return (name: string, fail = false) =>
    step(
      name,
      async () => {
        world.add(name);
        if (fail) throw new Error(`${name} broke`);
        return name;
      },
      { undo: async () => world.delete(name) },
    );
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: "three steps, a wait and an approval",
    workflow: (world) => async (context) => {
      const act = effect(world, context);
      await act("a");
      expect(await context.waitFor("signal", { what: "a signal" })).toBe(7);
      await act("b");
      expect((await context.approval("gate", { summary: "?", content: { n: 1 }, expiresMs: 1e9 })).approver.id).toBe("me");
      return act("c");
    },
    whole: ["a", "b", "c"],
    ends: "completed",
    outside: async (runs, run) => {
      await runs.deliver(run, "signal", 7).catch(() => undefined);
      await runs.decide(run, { decision: "approve", approver: { id: "me" } }).catch(() => undefined);
    },
  },
  {
    name: "the third of three steps fails half-way",
    workflow: (world) => async (context) => {
      const act = effect(world, context);
      await act("a");
      await act("b");
      return act("c", true);
    },
    whole: [],
    ends: "failed",
  },
  {
    name: "parallel steps, one fails",
    workflow: (world) => async (context) => {
      const act = effect(world, context);
      await act("a");
      await Promise.all([act("b"), act("c", true), act("d")]);
      return null;
    },
    whole: [],
    ends: "failed",
  },
  {
    name: "a rejected approval",
    workflow: (world) => async (context) => {
      await effect(world, context)("a");
      await context.approval("gate", { summary: "?", content: { n: 1 }, expiresMs: 1e9 });
      return null;
    },
    whole: [],
    ends: "failed",
    outside: (runs, run) => runs.decide(run, { decision: "reject", approver: { id: "me" } }).catch(() => undefined),
  },
  {
    name: "a step that times out and does not listen",
    workflow: (world) => async (context) => {
      await effect(world, context)("a");
      return context.step(
        "deaf",
        async () => {
          await world.clock.sleep(20_000);
          world.add("deaf");
          return null;
        },
        { timeoutMs: 1000, undo: async () => world.delete("deaf") },
      );
    },
    whole: [],
    ends: "failed",
  },
  {
    name: "cancelled in its second step",
    workflow: (world) => async (context) => {
      await effect(world, context)("a");
      return context.step(
        "b",
        (signal) => {
          world.add("b");
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));
        },
        { undo: async () => world.delete("b") },
      );
    },
    whole: [],
    ends: "cancelled",
    outside: async (runs, run) => {
      if (runs.steps(run).some(({ name }) => name === "b")) await runs.cancel(run).catch(() => undefined);
    },
  },
];

async function live(
  scenario: Scenario,
  deaths: readonly Death[],
): Promise<{ row: RunRow; world: Set<string>; writes: number; story: string[] }> {
  const world = new Set<string>();
  /** What a daemon undid after its death. */
  const ghosts: string[] = [];
  using lives = new Lives(({ clock, isAlive }) => ({
    work: scenario.workflow({
      clock,
      add: (name) => void (isAlive() && world.add(name)),
      delete: (name) => void (isAlive() ? world.delete(name) : ghosts.push(name)),
    }),
  }));
  const first = lives.next();
  const { id } = await first.runs.submit(REQUEST);
  let writes = 0;
  for (const death of [...deaths, undefined]) {
    const life = lives.next(death);
    life.runs.resume();
    const row = await lives.drive(life, id, () => void scenario.outside?.(life.runs, id));
    writes += life.writes();
    expect(ghosts).toEqual([]);
    if (row) return { row, world, writes, story: lives.story(id) };
  }
  throw new Error("the last daemon does not die");
}

async function checkDeaths(scenario: Scenario, deaths: readonly Death[]): Promise<readonly string[]> {
  const { row, world, story } = await live(scenario, deaths);
  const said = `${JSON.stringify(deaths)}: ${story.join(", ")}`;
  expect([row.status, said]).toEqual([scenario.ends, said]);
  expect([...world].toSorted(), said).toEqual([...scenario.whole]);
  const unwinding = story.indexOf("run.unwinding");
  expect(unwinding >= 0, said).toBe(scenario.ends !== "completed");
  const later = unwinding < 0 ? [] : story.slice(unwinding);
  expect(
    later.filter((line) => line.startsWith("step.running")),
    said,
  ).toEqual([]);
  return story;
}

for (const scenario of SCENARIOS) {
  test(
    `${scenario.name}: a crash before or after any write ends whole or with nothing left`,
    async () => {
      const healthy = await live(scenario, []);
      expect(healthy.row.status).toBe(scenario.ends);
      for (let at = 1; at <= healthy.writes; at++)
        for (const when of ["before", "after"] as const) await checkDeaths(scenario, [{ at, when }]);
    },
    TEST_MS,
  );
}

test(
  "a crash at every write, and at every write of the daemon that resumes: undone once, in reverse",
  async () => {
    const scenario = SCENARIOS[1] as Scenario;
    const { writes } = await live(scenario, []);
    for (let first = 1; first <= writes; first++)
      for (let second = 1; second <= RESUMED_WRITES; second++) {
        const story = await checkDeaths(scenario, [
          { at: first, when: "after" },
          { at: second, when: "after" },
        ]);
        expect(story.filter((line) => line.startsWith("step.undone"))).toEqual(["step.undone c", "step.undone b", "step.undone a"]);
      }
  },
  TEST_MS,
);
