import type { Bench } from "../bench.ts";
import { expect, expectEqual, said } from "../expect.ts";
import type { Commit } from "../fixture.ts";
import type { Scenario } from "../scenario.ts";
import { GONE_MS, NOTICE_MS, RECOVERY_MS, START_MS } from "../timing.ts";

/** Of a drain, how much must have passed before a request may be cut. */
const EARLY = 0.7;

/** Scenarios 7 and 8 of the document, and what belongs to them. */
export const PROCESSES: readonly Scenario[] = [
  {
    id: 7,
    name: "Process crashes after promotion: health status reflects it",
    level: "document",
    deadlineMs: 60_000,
    async run(bench) {
      const live = await bench.live();
      expectEqual("healthy of GET /status", (await bench.status())["healthy"], true);
      return `seen after ${await crash(bench, live)} ms`;
    },
  },
  {
    id: 8,
    name: "Drain timeout exceeded: the old process is force-killed",
    level: "document",
    deadlineMs: 90_000,
    run: exceedDrain,
  },
  {
    id: 12,
    name: "Process exits during boot: the deploy fails at once, not at the health timeout",
    level: "orco",
    deadlineMs: 60_000,
    async run(bench) {
      const live = await bench.live();
      const broken = await bench.commit({ exitOnBoot: 3 });
      const limitMs = bench.timing.healthTimeoutMs * EARLY;
      const deploying = bench.deploy(broken);
      await bench.until("the process to have exited", () => bench.world.fixture.heard(`ended.${broken.version}`), { ms: START_MS });
      const exitedAt = performance.now();
      const answer = await deploying;
      const tookMs = Math.round(performance.now() - exitedAt);
      bench.expectRefused("the deploy of a commit that exits with 3", answer);
      expect(tookMs < limitMs, `the answer within ${limitMs} ms of the exit`, `${tookMs} ms: ${said(answer)}`);
      await bench.expectTraffic(live);
      return `answered ${tookMs} ms after the exit`;
    },
  },
  {
    id: 17,
    name: "No process is left behind by a failed deploy, nor by a kill",
    level: "orco",
    deadlineMs: 90_000,
    async run(bench) {
      const parent = await bench.live({ child: true, ignoreTerm: true });
      const before = bench.processes();
      const answer = await bench.deploy(await bench.commit({ health: "fail", child: true, ignoreTerm: true }));
      bench.expectRefused("the deploy of an unhealthy commit", answer);
      const left = (): number[] => bench.processes().filter((pid) => !before.includes(pid));
      await bench.until("no process of the failed deploy to be left", () => left().length === 0, { ms: limit(bench), seen: left });
      await bench.expectTraffic(parent);
      // Two deploys later nothing of the first one may be left, its own children included.
      await bench.live();
      await bench.live();
      const old = (): number[] => bench.processes().filter((pid) => before.includes(pid));
      await bench.until("no process of a slot that was given up to be left", () => old().length === 0, { ms: limit(bench), seen: old });
      return undefined;
    },
  },
  {
    id: 18,
    name: "A crashed process is started again, and health status reflects that too",
    level: "orco",
    deadlineMs: 90_000,
    async run(bench) {
      const live = await bench.live();
      const { pid: crashed } = await bench.traffic();
      await crash(bench, live);
      bench.world.fixture.unsay(`down.${live.version}`);
      const isHealthy = async (): Promise<boolean> => (await bench.status())["healthy"] === true;
      const tookMs = await bench.until("healthy: true after the process can start again", isHealthy, { ms: RECOVERY_MS });
      await bench.expectTraffic(live);
      expect((await bench.traffic()).pid !== crashed, "another process to answer", `pid ${crashed}, which crashed`);
      await bench.expectStatus(live);
      return `healthy again after ${tookMs} ms`;
    },
  },
];

function limit({ timing }: Bench): number {
  return timing.killGraceMs + GONE_MS;
}

/** The live process dies and cannot start again until `down` is taken back. How long it took to show, in ms. */
async function crash(bench: Bench, live: Commit): Promise<number> {
  bench.world.fixture.say(`down.${live.version}`);
  await bench.get("/crash");
  return bench.until("healthy: false after the live process died", async () => (await bench.status())["healthy"] === false, {
    ms: NOTICE_MS,
  });
}

/** A stream that never ends is under way on a process that ignores SIGTERM. */
async function exceedDrain(bench: Bench): Promise<string> {
  const old = await bench.live({ ignoreTerm: true });
  const { pid } = await bench.traffic();
  const stream = bench.connection();
  const { status } = await stream.stream("/stream");
  expectEqual("the status of a stream through the proxy", status, 200);
  const next = await bench.commit();
  const deploying = bench.deploy(next);
  await bench.until(`traffic to reach ${next.version}`, async () => (await bench.traffic()).version === next.version, { ms: START_MS });
  const { drainTimeoutMs, killGraceMs } = bench.timing;
  const ms = drainTimeoutMs + killGraceMs;
  const goneMs = await bench.until(`process ${pid} of ${old.version} to be gone`, () => !bench.isRunning([pid]), { ms });
  expect(goneMs >= drainTimeoutMs * EARLY, `the old process to have ${drainTimeoutMs} ms for what it is at`, `gone after ${goneMs} ms`);
  await bench.until("the stream to be closed", () => stream.closed, { ms: GONE_MS });
  bench.expectSuccess("the deploy", await deploying);
  await bench.expectTraffic(next);
  return `gone ${goneMs} ms after the swap`;
}
