import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isAlive, readStat } from "../../src/supervise/proc.ts";
import { until } from "../until.ts";
import { between, ChaosRig, cycles, figures } from "./rig.ts";
import { pause, RunApi } from "./run-api.ts";
import { RunHistory } from "./run-history.ts";
import { StepLedger } from "./run-ledger.ts";
import { PlanRuns } from "./run-plans.ts";

const CYCLES = cycles(6, 50);
const CYCLE_BUDGET_MS = 8000;
const AT_ONCE = 4;
const LOG = /^log.*\.ndjson$/;

test(
  `kill -9 of the daemon under plans, ${CYCLES} times: each ends as it should, no step is executed again once it has succeeded, those that live are adopted`,
  async () => {
    await using rig = new ChaosRig();
    const hits: string[] = [];
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        hits.push(new URL(request.url).pathname.slice(1));
        await pause(between(5, 60));
        return Response.json({ ok: true });
      },
    });
    await rig.begin();
    const ledger = join(rig.dir, "ledger");
    const api = new RunApi(rig.home);
    const plans = new PlanRuns(api, { atOnce: AT_ONCE, site: { ledger, hook: `http://127.0.0.1:${server.port}` } });
    let survivors = 0;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      await pause(between(50, 1200));
      await rig.kill();
      const live = new StepLedger(ledger).live.filter((pid) => isAlive(readStat(pid)));
      await rig.begin();
      survivors += live.filter((pid) => isAlive(readStat(pid))).length;
    }
    await plans.stop();
    expect(plans.problems).toEqual([]);
    const history = new RunHistory(rig);
    history.checkRuns();
    new StepLedger(ledger).check(history, plans.made);
    checkHook(history, hits);
    await until("nothing to be left running", () => rig.instances().length === 0, 10_000);
    await until("nothing but logs to be left", () => leftovers(rig.home).length === 0, 10_000).catch(() => undefined);
    expect(leftovers(rig.home)).toEqual([]);
    console.log(
      `${CYCLES} kills: API back ${figures(rig.backMs)}; ${plans.made.length} plans, ${new StepLedger(ledger).executions.length} executions, ${survivors} of them lived through a death; 0 executed twice`,
    );
  },
  CYCLES * CYCLE_BUDGET_MS + 60_000,
);

/** A request may be made again where the daemon died before its answer was recorded: once for each execution, at most. */
function checkHook(history: RunHistory, hits: readonly string[]): void {
  for (const [run, rows] of history.byRun) {
    const own = rows.filter(({ type, data }) => type.startsWith("step.") && data["step"] === "hook");
    const most = Math.max(0, ...own.map(({ data }) => Number(data["attempt"])));
    const made = hits.filter((hit) => hit === run).length;
    expect([run, made <= most, own.every(({ type }) => type !== "step.completed") || made > 0]).toEqual([run, true, true]);
  }
}

/** Of runs that have ended: what is there beside their logs. */
function leftovers(home: string): string[] {
  const runs = join(home, "runs");
  return readdirSync(runs).flatMap((run) => readdirSync(join(runs, run)).flatMap((name) => (LOG.test(name) ? [] : [`${run}/${name}`])));
}
