import type { Bench } from "../bench.ts";
import { identityOf } from "../bench.ts";
import { expect, expectEqual } from "../expect.ts";
import type { Commit } from "../fixture.ts";
import { Load } from "../load.ts";
import type { Scenario } from "../scenario.ts";
import { RECOVERY_MS, START_MS } from "../timing.ts";

const SWAPS = 10;

/** What clients see of swaps, beyond the document. */
export const TRAFFIC: readonly Scenario[] = [
  {
    id: 9,
    name: `No request fails over ${SWAPS} swaps, on kept and on new connections`,
    level: "orco",
    deadlineMs: 120_000,
    async run(bench) {
      await bench.live();
      const load = new Load(bench, { keptAlive: 4, fresh: 2 });
      const deployed: Commit[] = [];
      try {
        for (let swap = 0; swap < SWAPS; swap++) deployed.push(await bench.live());
      } finally {
        await load.stop();
      }
      expect(load.failed === 0, "no request to fail", load.trouble);
      const missed = deployed.filter(({ version }) => !load.versions.has(version));
      expect(missed.length <= 1, "every version to be seen by clients", `none saw ${missed.map(({ version }) => version).join(", ")}`);
      return `${load.requests} requests, ${load.reopened} kept connections were closed between two of them`;
    },
  },
  {
    id: 10,
    name: "What is under way at the swap is finished by the old process",
    level: "orco",
    deadlineMs: 60_000,
    run: finishOnOld,
  },
  {
    id: 19,
    name: "The orchestrator is killed: traffic comes back, and status is as before",
    level: "orco",
    needs: "start",
    deadlineMs: 90_000,
    run: surviveKill,
  },
];

async function finishOnOld(bench: Bench): Promise<string> {
  const { fixture } = bench.world;
  const old = await bench.live();
  const { pid } = await bench.traffic();
  const asked = ["/hold?id=a", "/half?id=b"].map((path) => bench.get(path));
  await bench.until("both requests to be under way", () => ["a", "b"].every((id) => fixture.heard(`holding.${id}`)), { ms: START_MS });
  const stream = bench.connection();
  await stream.stream("/stream");
  const next = await bench.commit();
  const deploying = bench.deploy(next);
  await bench.until(`traffic to reach ${next.version}`, async () => (await bench.traffic()).version === next.version, { ms: START_MS });
  const streamed = stream.text.length;
  const share = bench.timing.drainTimeoutMs / 4;
  await bench.until("the stream to go on after the swap", () => stream.text.length > streamed, { ms: share });
  for (const id of ["a", "b"]) fixture.say(`release.${id}`);
  for (const reply of await Promise.all(asked)) {
    expectEqual("the status of a request that was under way at the swap", reply.status, 200);
    expect(JSON.stringify(identityOf(reply)) === JSON.stringify({ version: old.version, pid }), `an answer of ${old.version}`, reply.body);
  }
  stream.close();
  bench.expectSuccess("the deploy", await deploying);
  await bench.expectTraffic(next);
  return "two requests and a stream";
}

async function surviveKill(bench: Bench): Promise<string> {
  const { implementation, answers } = bench.world;
  if (!implementation) throw new Error("scenario 19 needs --start");
  const [previous, live] = [await bench.live(), await bench.live()];
  const before = await bench.status();
  const load = new Load(bench, { keptAlive: 1, fresh: 1 });
  await implementation.kill();
  implementation.start();
  await answers();
  const isBack = async (): Promise<boolean> =>
    (await bench.get().catch(() => undefined))?.status === 200 && (await bench.status())["healthy"] === true;
  const tookMs = await bench.until("traffic and a healthy status after the orchestrator was started again", isBack, { ms: RECOVERY_MS });
  await load.stop();
  await bench.expectTraffic(live);
  await bench.expectStatus(live, previous);
  for (const field of ["live_slot", "previous_slot", "last_deploy_time"])
    expectEqual(`${field} after the restart`, (await bench.status())[field], before[field]);
  bench.expectSuccess("a rollback after the restart", await bench.rollback());
  await bench.expectTraffic(previous);
  return `${load.failed} of ${load.requests} requests failed, back after ${tookMs} ms`;
}
