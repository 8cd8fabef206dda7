/**
 * Shows that the suite notices: `node scripts/bun.mjs conformance/deploy/mutants.ts [NAME…] [--quick] [--verbose] [--jobs N]`.
 * The reference must pass everything; each mutant must fail a scenario, and each scenario must fail a mutant.
 * `--quick` plays for each mutant only the scenario that is there for it; `--verbose` shows what each failure said.
 */
import { parseArgs } from "node:util";
import { referenceOptions } from "./reference-options.ts";
import { isMutant, type Mutant, MUTANTS } from "./reference/mutants.ts";
import { lineOf, summaryOf } from "./report.ts";
import { SCENARIOS } from "./scenarios.ts";
import { runSuite } from "./suite.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    jobs: { type: "string", default: "1" },
  },
});
const unknown = positionals.find((name) => !isMutant(name));
if (unknown !== undefined) throw new Error(`there is no mutant ${unknown}; there are ${Object.keys(MUTANTS).join(", ")}`);
const wanted = (positionals.length > 0 ? positionals : Object.keys(MUTANTS)) as Mutant[];

if (positionals.length === 0) await checkReference();
const caught = new Map<Mutant, readonly number[]>();
const waiting = [...wanted];
await Promise.all(Array.from({ length: Number(values.jobs) }, work));
report();

async function checkReference(): Promise<void> {
  const { scenarios } = await runSuite(referenceOptions({}), (result) => console.log(lineOf(result)));
  console.log(`reference: ${summaryOf(scenarios)}\n`);
  if (scenarios.some(({ result }) => result === "failed")) process.exit(1);
}

async function work(): Promise<void> {
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const { does, caughtBy } = MUTANTS[mutant];
    const { scenarios } = await runSuite(referenceOptions({ mutant, ...(values.quick && { only: [caughtBy] }) }), () => undefined);
    const failures = scenarios.filter(({ result }) => result === "failed");
    const failed = failures.map(({ id }) => id);
    caught.set(mutant, failed);
    console.log(`${failed.length > 0 ? "caught" : "MISSED"}  ${mutant.padEnd(24)}${does.padEnd(76)}${failed.join(" ")}`);
    if (values.verbose) for (const failure of failures) console.log(lineOf(failure));
  }
}

function report(): void {
  const missed = wanted.filter((mutant) => !caught.get(mutant)?.includes(MUTANTS[mutant].caughtBy));
  const idle = positionals.length > 0 ? [] : SCENARIOS.filter(({ id }) => ![...caught.values()].some((failed) => failed.includes(id)));
  for (const mutant of missed) console.log(`scenario ${MUTANTS[mutant].caughtBy} is there for ${mutant} and did not notice it`);
  for (const { id, name } of idle) console.log(`scenario ${id} (${name}) notices no mutant`);
  console.log(`\n${wanted.length - missed.length} of ${wanted.length} mutants caught by the scenario that is there for them`);
  process.exitCode = missed.length + idle.length > 0 ? 1 : 0;
}
