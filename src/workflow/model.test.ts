import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Life, Lives, REQUEST } from "./lives.fake.ts";
import { effects, fails, outside, story, type Story, workflowOf } from "./model.fake.ts";
import type { RunRow, StepRow } from "./run.ts";

const RUNS = Number(process.env["ORCO_MODEL_RUNS"] ?? 60);

interface Outcome {
  readonly row: RunRow;
  readonly steps: readonly StepRow[];
  readonly world: ReadonlySet<string>;
  readonly events: readonly string[];
  readonly cancelled: boolean;
}

async function live(told: Story): Promise<Outcome> {
  const world = new Set<string>();
  using lives = new Lives(({ clock, isAlive }) => ({
    work: workflowOf(told, {
      clock,
      add: (name) => void (isAlive() && world.add(name)),
      delete: (name) => void (isAlive() && world.delete(name)),
    }),
    next: async () => "the lane is free",
  }));
  const { id } = await lives.next().runs.submit(REQUEST);
  let turn = 0;
  let cancelled = false;
  const turnOf = (life: Life) => () => {
    outside(told, life.runs, id);
    if (told.cancelAt === undefined || turn++ < told.cancelAt || life.runs.get(id).cancelling) return;
    cancelled = true;
    life.runs.cancel(id).catch(() => undefined);
  };
  for (const death of [...told.deaths, undefined]) {
    const life = lives.next(death);
    life.runs.resume();
    const row = await lives.drive(life, id, turnOf(life));
    if (!row) continue;
    const steps = life.runs.steps(id);
    if (death === undefined) {
      const next = await life.runs.submit({ ...REQUEST, kind: "next" });
      expect(await lives.drive(life, next.id)).toMatchObject({ status: "completed" });
    }
    return { row, steps, world, events: lives.story(id), cancelled };
  }
  throw new Error("the last daemon does not die");
}

function check(told: Story, { row, steps, world, events, cancelled }: Outcome): void {
  const spoilt = steps.filter(({ status }) => status === "undo_failed").map(({ name }) => name);
  const possible = spoilt.length > 0 ? ["failed"] : [fails(told) ? "failed" : "completed", ...(cancelled ? ["cancelled"] : [])];
  expect(possible).toContain(row.status);
  if (row.status === "completed") expect([...world].toSorted()).toEqual(effects(told).toSorted());
  else checkUndone(told, { steps, world });
  const facts = row.error?.facts?.["undo_failed"] as { step: string }[] | undefined;
  expect((facts ?? []).map(({ step }) => step).toSorted()).toEqual(spoilt.toSorted());
  checkEvents(events, row);
}

function checkUndone(told: Story, { steps, world }: Pick<Outcome, "steps" | "world">): void {
  const row = (name: string) => steps.find((step) => step.name === name);
  for (const { name, undo } of told.groups.flat()) {
    if (undo === "ok") expect([name, world.has(name)]).toEqual([name, false]);
    if (undo === "ok" && row(name)) expect([name, row(name)?.status]).toEqual([name, "undone"]);
    if ((undo === "break" || undo === "deaf") && row(name)) expect([name, row(name)?.status]).toEqual([name, "undo_failed"]);
  }
  expect(steps.filter(({ status }) => ["running", "waiting", "undoing"].includes(status))).toEqual([]);
}

function checkEvents(events: readonly string[], row: RunRow): void {
  expect(events.at(-1)).toBe(`run.${row.status}`);
  const unwinding = events.indexOf("run.unwinding");
  if (unwinding >= 0) expect(events.slice(unwinding).filter((line) => /^step\.(running|waiting)/.test(line))).toEqual([]);
  for (const end of ["completed", "undone"]) {
    const names = events.filter((line) => line.startsWith(`step.${end} `));
    expect(names).toEqual([...new Set(names)]);
  }
  const began = [...new Set(events.filter((line) => line.startsWith("step.running ")).map(nameOf))];
  const places = [...new Set(events.filter((line) => line.startsWith("step.undoing ")).map(nameOf))].map((name) => began.indexOf(name));
  expect(places).toEqual(places.toSorted((a, b) => b - a));
}

function nameOf(line: string): string {
  return line.slice(line.indexOf(" ") + 1);
}

test(
  "any workflow, whatever fails, waits, is cancelled or dies: whole, or undone in reverse, and its lane is free",
  async () => {
    await fc.assert(
      fc.asyncProperty(story, async (told) => check(told, await live(told))),
      { numRuns: RUNS },
    );
  },
  10_000 + RUNS * 500,
);
