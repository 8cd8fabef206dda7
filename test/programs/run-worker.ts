/**
 * Carries runs to their end in the home named by its argument until it is killed, and ends by itself when all have ended. Each step makes a
 * file below `world/<run>/`, and its undo removes it; every second run fails at its last step, every third waits for an approval.
 */
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { uuidv7 } from "../../src/kernel/id.ts";
import { Journal } from "../../src/kernel/journal.ts";
import type { Workflow } from "../../src/workflow/define.ts";
import { Runs } from "../../src/workflow/execute.ts";
import { RunStore } from "../../src/workflow/store.ts";

const RUNS = 6;
const STEPS = 8;

const home = process.argv[2] ?? "";
const clock = systemClock();
const journal = Journal.open({ path: join(home, "orco.db"), clock });
const store = new RunStore(journal);

const work: Workflow = async ({ id, step, approval }, { n }) => {
  const folder = join(home, "world", id);
  const number = Number(n);
  mkdirSync(folder, { recursive: true });
  for (let at = 0; at < STEPS; at++) {
    const file = join(folder, `s${at}`);
    if (at === 4 && number % 3 === 0) await approval("gate", { summary: "go on?", content: { n: number }, expiresMs: 60_000 });
    const act = async (): Promise<number> => {
      appendFileSync(join(home, "acts"), `${id} s${at}\n`);
      writeFileSync(file, "");
      await clock.sleep(1);
      if (at === STEPS - 1 && number % 2 === 0) throw new Error("the last step fails");
      return at;
    };
    const undo = async (): Promise<void> => {
      appendFileSync(join(home, "acts"), `${id} undo s${at}\n`);
      await clock.sleep(1);
      rmSync(file, { force: true });
    };
    await step(`s${at}`, act, { undo });
  }
  return "whole";
};

const runs = new Runs({ store, clock, newId: () => uuidv7(clock), workflows: { work }, onError: (error) => console.error(error) });
runs.resume();
for (let n = store.list(100).length; n < RUNS; n++)
  await runs.submit({ kind: "work", lane: `lane/${n % 2}`, input: { n }, labels: {}, onBusy: "queue" });

async function seeThrough(run: string): Promise<void> {
  const { status } = await runs.settled(run, undefined, { orWaiting: true });
  if (status !== "running") return;
  await runs.decide(run, { decision: "approve", approver: { id: "worker" } });
  await runs.settled(run);
}

await Promise.all(store.list(100).map(({ id }) => seeThrough(id)));
journal.close();
