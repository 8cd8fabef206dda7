import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { AppUnderTest } from "../scenarios/app-under-test.ts";
import { OpenLoad } from "./open-load.ts";
import { ChaosRig, cycles, figures } from "./rig.ts";

const DEPLOYS = cycles(16, 500);
const PER_SECOND = 200;
const DEPLOY_BUDGET_MS = 4000;

test(
  `${DEPLOYS} deploys, good and bad in turn, under open-loop load: no request fails, nothing bad is promoted, nothing is left over`,
  async () => {
    await using rig = new ChaosRig();
    await rig.begin();
    const app = await AppUnderTest.create(rig, "blog", { health_timeout_ms: 20_000, drain_timeout_ms: 5000 });
    await app.deploy(await app.commit({ version: "good-0" }));
    const load = new OpenLoad(app.url, PER_SECOND);
    const tookMs: number[] = [];
    for (let n = 1; n <= DEPLOYS; n++) {
      const isGood = n % 2 === 0;
      const how = isGood ? { version: `good-${n}` } : { version: `bad-${n}`, health: 500, ...(n % 4 === 1 && { exitAfterMs: 20 }) };
      if (!isGood) await app.put({ health_timeout_ms: 300, drain_timeout_ms: 5000 });
      else await app.put({ health_timeout_ms: 20_000, drain_timeout_ms: 5000 });
      const commit = await app.commit(how);
      const startedMs = performance.now();
      const answer = await app.deploy(commit);
      tookMs.push(performance.now() - startedMs);
      expect([n, answer.status, answer.body["code"]]).toEqual([n, isGood ? 200 : 422, isGood ? undefined : "unhealthy"]);
      if (isGood) expect(await app.version()).toBe(`good-${n}`);
      expect(leftovers(rig.home, app.name)).toEqual([]);
      expect(processes(rig)).toHaveLength(1);
    }
    const { live_commit: live, previous_commit: previous, healthy } = await app.status();
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.samples.filter(({ version }) => version.startsWith("bad"))).toEqual([]);
    expect([healthy, live !== previous, previous !== null]).toEqual([true, true, true]);
    console.log(
      `${DEPLOYS} deploys (${figures(tookMs)}); ${load.sent} requests, 0 failed; answers ${figures(load.samples.map((one) => one.tookMs))}`,
    );
  },
  DEPLOYS * DEPLOY_BUDGET_MS + 60_000,
);

/** Of the app itself, without the shim above it. */
function processes(rig: ChaosRig): string[] {
  return rig.instances().filter((line) => line.includes("deployed.ts") && line.split(" ")[1] === process.execPath);
}

/** Worktrees besides the two slots. What is being removed has another name and goes by itself. */
function leftovers(home: string, app: string): string[] {
  const slots = join(home, "apps", app, "slots");
  return existsSync(slots) ? readdirSync(slots).filter((name) => name !== "blue" && name !== "green" && !name.startsWith(".trash-")) : [];
}
