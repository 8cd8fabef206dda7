import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { Journal } from "../../src/kernel/journal.ts";
import { RunStore } from "../../src/workflow/store.ts";

const CYCLES = Number(process.env["ORCO_CHAOS_CYCLES"] ?? 3);
const WORKER = join(import.meta.dir, "..", "programs", "run-worker.ts");
/** Of one life, undos too; all runs together take about 70. */
const MAX_ACTS = 20;
const MAX_LIVES = 40;

test(
  `kill -9 of whoever carries runs, ${CYCLES} times over: whole or with nothing left, no completed step twice`,
  async () => {
    let kills = 0;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const home = mkdtempSync(join(tmpdir(), "orco-run-kills-"));
      try {
        kills += await liveAndDie(home);
        check(home);
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    }
    console.log(`${kills} kills in ${CYCLES} cycles`);
    expect(kills).toBeGreaterThan(0);
  },
  60_000 + CYCLES * 20_000,
);

/** Workers one after the other, each killed once it has acted a random number of times, until one comes to the end. */
async function liveAndDie(home: string): Promise<number> {
  for (let kills = 0; kills < MAX_LIVES; kills++) {
    const worker = Bun.spawn([process.execPath, WORKER, home], { stdout: "inherit", stderr: "inherit" });
    const due = actsOf(home) + Math.floor(Math.random() * MAX_ACTS);
    const killer = setInterval(() => {
      if (actsOf(home) >= due) worker.kill("SIGKILL");
    }, 1);
    await worker.exited;
    clearInterval(killer);
    if (worker.exitCode === 0) return kills;
    expect(worker.signalCode).toBe("SIGKILL");
  }
  throw new Error(`${MAX_LIVES} workers were not enough`);
}

function actsOf(home: string): number {
  try {
    return readFileSync(join(home, "acts"), "utf8").split("\n").length - 1;
  } catch {
    return 0; // nobody has acted yet
  }
}

function check(home: string): void {
  const journal = Journal.open({ path: join(home, "orco.db"), clock: systemClock() });
  try {
    const runs = new RunStore(journal).list(100);
    expect(runs.length).toBe(6);
    for (const { id, status, input } of runs) {
      const fails = Number(input["n"]) % 2 === 0;
      const left = readdirSync(join(home, "world", id)).toSorted();
      const events = journal
        .read({ topic: `run/${id}` })
        .map(({ type, data }) => (typeof data["step"] === "string" ? `${type} ${data["step"]}` : type));
      const said = events.join(", ");
      expect([status, said]).toEqual([fails ? "failed" : "completed", said]);
      expect(left, said).toEqual(fails ? [] : Array.from({ length: 8 }, (_, at) => `s${at}`));
      const ends = events.filter((line) => /^step\.(completed|undone)/.test(line));
      expect(ends, said).toEqual([...new Set(ends)]);
      expect(events.at(-1)).toBe(`run.${status}`);
    }
  } finally {
    journal.close();
  }
}
