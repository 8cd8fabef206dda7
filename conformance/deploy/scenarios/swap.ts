import { refused, succeeded } from "../api.ts";
import type { Bench } from "../bench.ts";
import { expect, expectEqual, said } from "../expect.ts";
import type { Commit } from "../fixture.ts";
import { Load } from "../load.ts";
import type { Scenario } from "../scenario.ts";
import { GONE_MS, START_MS } from "../timing.ts";

const LOOKS = 15;

/** Scenarios 1 to 6 of the document. */
export const SWAP: readonly Scenario[] = [
  {
    id: 1,
    name: "Deploy a commit, health check passes: traffic routes to the new slot",
    level: "document",
    deadlineMs: 60_000,
    async run(bench) {
      for (const commit of [await bench.commit(), await bench.commit()]) {
        bench.expectSuccess(`the deploy of ${commit.version}`, await bench.deploy(commit));
        await bench.expectTraffic(commit);
        await bench.expectStatus(commit);
      }
      return undefined;
    },
  },
  {
    id: 2,
    name: "Deploy a commit, health check fails: traffic stays on the old slot",
    level: "document",
    deadlineMs: 90_000,
    async run(bench) {
      const live = await bench.live();
      for (const health of ["fail", "hang"] as const) await refuseUnhealthy(bench, live, await bench.commit({ health }));
      return undefined;
    },
  },
  {
    id: 3,
    name: "Deploy, then rollback: traffic returns to the previous slot",
    level: "document",
    deadlineMs: 60_000,
    async run(bench) {
      const [first, second] = [await bench.live(), await bench.live()];
      await bench.expectTraffic(second);
      const answer = await bench.rollback();
      bench.expectSuccess("the rollback", answer);
      await bench.expectTraffic(first);
      await bench.expectStatus(first);
      return undefined;
    },
  },
  {
    id: 4,
    name: "Deploy twice: only one previous slot is retained",
    level: "document",
    deadlineMs: 90_000,
    async run(bench) {
      const [first, second, third] = [await bench.live(), await bench.live(), await bench.live()];
      await bench.expectStatus(third, second);
      const oldest = bench.world.fixture.startsOf(first);
      await bench.until(`no process of ${first.version}, two deploys ago, to be left`, () => !bench.isRunning(oldest), { ms: GONE_MS });
      bench.expectSuccess("the rollback", await bench.rollback());
      await bench.expectTraffic(second);
      // What came before is gone: from here a rollback leads back to the third, or nowhere.
      const again = await bench.rollback();
      if (succeeded(again)) await bench.expectTraffic(third);
      else await bench.expectTraffic(second);
      return undefined;
    },
  },
  {
    id: 5,
    name: "Rollback with no previous slot: error",
    level: "document",
    needs: "fresh",
    deadlineMs: 60_000,
    async run(bench) {
      bench.expectRefused("a rollback before the first deploy", await bench.rollback());
      const only = await bench.live();
      bench.expectRefused("a rollback after the first deploy", await bench.rollback());
      await bench.expectTraffic(only);
      return undefined;
    },
  },
  {
    id: 6,
    name: "Deploy while a deploy is in progress: queued or rejected",
    level: "document",
    deadlineMs: 90_000,
    run: deployTwiceAtOnce,
  },
];

async function refuseUnhealthy(bench: Bench, live: Commit, broken: Commit): Promise<void> {
  const load = new Load(bench, { keptAlive: 1, fresh: 1 });
  const answer = await bench.deploy(broken);
  await load.stop();
  bench.expectRefused(`the deploy of ${broken.version}, which is never healthy`, answer);
  expect(load.failed === 0, "no request to fail while a deploy fails", load.trouble);
  expect(!load.versions.has(broken.version), `no request to reach ${broken.version}, not even for a moment`, [...load.versions]);
  await bench.expectTraffic(live);
  await bench.expectStatus(live);
}

/** `second` is held back by its health endpoint until `third` has been sent. */
async function deployTwiceAtOnce(bench: Bench): Promise<string> {
  const { fixture } = bench.world;
  const first = await bench.live();
  const [second, third] = [await bench.commit({ health: "wait" }), await bench.commit()];
  const order: string[] = [];
  const ended = (name: string) => () => void order.push(name);
  const deploying = bench.deploy(second).finally(ended("second"));
  await bench.until(`the process of ${second.version} to be started`, () => fixture.startsOf(second).length > 0, { ms: START_MS });
  const sent = bench.deploy(third).finally(ended("third"));
  for (const answer of [deploying, sent]) answer.catch(() => undefined);
  await Promise.race([sent, bench.until("the other deploy to be answered or to wait", afterLooks(LOOKS), { ms: START_MS })]);
  await bench.expectTraffic(first);
  fixture.say(`well.${second.version}`);
  const [answer, other] = await Promise.all([deploying, sent]);
  bench.expectSuccess(`the deploy that was in progress (${second.version})`, answer);
  if (refused(other)) {
    expectEqual("the deploy that is answered first", order[0], "third");
    await bench.expectTraffic(second);
    await bench.expectStatus(second, first);
    return "rejected";
  }
  expect(succeeded(other), "the second deploy to be rejected or to succeed", said(other));
  expect(order[0] === "second", "a queued deploy to be done after the one in progress", `${third.version} succeeded first`);
  await bench.expectTraffic(third);
  await bench.expectStatus(third, second);
  return "queued";
}

/** True at the n-th look: time enough for a second deploy to get in the way of the first. */
function afterLooks(looks: number): () => boolean {
  let left = looks;
  return () => left-- <= 0;
}
