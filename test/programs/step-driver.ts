/**
 * step-driver.ts HOME COMMAND…: drives one step, as a daemon does, until it is killed: starts it, or takes over the one that a former driver of HOME started. What it is
 * told goes into HOME/ledger, one line of JSON each, and into the log of run `r`; says `begun` when the step runs, and its end when it has one.
 */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/kernel/clock.ts";
import { ProcessSteps } from "../../src/runs/local/process-step.ts";
import { RunLogs } from "../../src/runs/logs/run-logs.ts";
import type { StepExecution, StepOutput } from "../../src/runs/ports.ts";

const [home = "", ...command] = process.argv.slice(2);
const ledger = join(home, "ledger");
const clock = systemClock();
const steps = new ProcessSteps({ home, clock, env: process.env });
const logs = new RunLogs({ home, clock, hasEnded: () => false, onError: (error) => console.error(error) });
const former = existsSync(ledger) ? readFileSync(ledger, "utf8").trim().split("\n") : [];
const told = former.map((line) => JSON.parse(line) as { consumed: number });

const execution: StepExecution = {
  run: "r",
  step: "a",
  spec: {
    id: "a",
    needs: [],
    when: "success",
    command,
    env: {},
    grace_ms: 1000,
    retry: { max: 0, backoff: { min_ms: 1000, max_ms: 1000, factor: 2 } },
  },
  attempt: 1,
  input: {},
  execution: "e1",
  consumed: told.at(-1)?.consumed ?? 0,
};

async function record(entry: object): Promise<void> {
  await clock.sleep(1);
  appendFileSync(ledger, `${JSON.stringify(entry)}\n`);
}

const output: StepOutput = {
  checkpoint: (checkpoint) => record(checkpoint),
  output: (outputs, consumed) => record({ outputs, consumed }),
  progress: () => undefined,
  log: (line) => logs.append("r", [{ ...line, step: "a", attempt: 1 }]),
  heartbeat: () => undefined,
};

const step = (await steps.adopt(execution, output)) ?? (await steps.start(execution, output));
console.log("begun");
console.log(JSON.stringify(await step.ended));
logs.close();
steps.close();
