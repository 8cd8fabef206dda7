import { afterAll, expect, test } from "bun:test";
import type { AppRow } from "../../src/deploy/record.ts";
import { AppUnderTest } from "../scenarios/app-under-test.ts";
import { until } from "../until.ts";
import { ActiveWatch, type Death, DeployRig } from "./deploy-rig.ts";
import { OpenLoad } from "./open-load.ts";
import { between, cycles, figures } from "./rig.ts";

/** Of each scenario; all boundaries are twice as many as its writes. */
const DEATHS = cycles(2, 200);
const DEATH_BUDGET_MS = 15_000;
const PER_SECOND = 40;
/** Of a daemon that resumes a run or undoes it: every second one dies at one of them. */
const RESUMED_WRITES = 16;
const CONTRACT = { health_timeout_ms: 15_000, drain_timeout_ms: 800, stop_timeout_ms: 1000 };

interface Scenario {
  readonly name: string;
  readonly contract?: Record<string, unknown>;
  /** Asks for it; may be cut off by the death of the daemon. */
  readonly ask: (rig: DeployRig, app: AppUnderTest, n: number) => Promise<unknown>;
  /** How the run may end. */
  readonly ends: readonly string[];
  /** What is live then: as it was before, the new commit, or the rollback target. */
  readonly live: Readonly<Record<string, "same" | "new" | "previous" | "any">>;
}

const stranger = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
afterAll(() => stranger.stop(true));

const SCENARIOS: readonly Scenario[] = [
  {
    name: "a good deploy",
    ask: async (_rig, app, n) => app.deploy(await app.commit({ version: `good-${n}` })),
    ends: ["completed"],
    live: { completed: "new" },
  },
  {
    name: "a deploy that fails at health",
    contract: { health_timeout_ms: 300 },
    ask: async (_rig, app, n) => app.deploy(await app.commit({ version: `bad-${n}`, health: 500 })),
    ends: ["failed"],
    live: { failed: "same" },
  },
  {
    name: "a deploy that fails in its build",
    contract: { build_command: "echo half > built.txt; exit 9" },
    ask: async (_rig, app, n) => app.deploy(await app.commit({ version: `unbuilt-${n}` })),
    ends: ["failed"],
    live: { failed: "same" },
  },
  {
    name: "a deploy cancelled before its swap",
    ask: async (rig, app, n) => askAndCancel(rig, app, { behaviour: { version: `slow-${n}`, readyAfterMs: 3000 }, at: "health" }),
    ends: ["cancelled", "completed"],
    live: { cancelled: "same", completed: "new" },
  },
  {
    name: "a deploy cancelled after its swap",
    ask: async (rig, app, n) => {
      // Cut at the drain timeout, which may be after the next daemon has come.
      const stream = await fetch(`${app.url}stream`);
      void stream.text().catch(() => undefined);
      await askAndCancel(rig, app, { behaviour: { version: `late-${n}` }, at: "drain" });
    },
    ends: ["cancelled", "completed"],
    live: { cancelled: "any", completed: "new" },
  },
  {
    name: "a deploy whose new port is somebody else's",
    contract: { port: stranger.port },
    ask: async (_rig, app, n) => app.deploy(await app.commit({ version: `portless-${n}` })),
    ends: ["failed"],
    live: { failed: "same" },
  },
  { name: "a rollback", ask: (_rig, app) => app.rollback(), ends: ["completed"], live: { completed: "previous" } },
];

async function askAndCancel(
  rig: DeployRig,
  app: AppUnderTest,
  { behaviour, at }: { behaviour: { version: string; [key: string]: unknown }; at: string },
): Promise<void> {
  const commit = await app.commit(behaviour);
  const [before] = rig.runs(app.name);
  const answer = app.deploy(commit).catch(() => undefined);
  const run = await until(
    "the run, or the end of the daemon",
    async () => rig.runs(app.name).find(({ id }) => id !== before?.id)?.id ?? ((await rig.answers()) ? undefined : "none"),
    10_000,
  );
  await until(`step ${at}`, async () => rig.step(run, at) ?? !(await rig.answers()), 10_000);
  await rig.client.cancelRun(run).catch(() => undefined);
  await answer;
}

for (const scenario of SCENARIOS)
  test(
    `${scenario.name}: a daemon that dies before or after any write leaves the app whole, and no request fails`,
    async () => {
      await using rig = new DeployRig();
      await rig.begin();
      const app = await AppUnderTest.create(rig, "blog", CONTRACT);
      for (const version of ["first", "second"]) expect(await app.deploy(await app.commit({ version }))).toMatchObject({ status: 200 });
      await app.put({ ...CONTRACT, ...scenario.contract });
      const load = new OpenLoad(app.url, PER_SECOND);
      const watch = new ActiveWatch(rig, app.name);
      const before = rig.writes();
      await once({ rig, app, scenario, n: 0 });
      const writes = rig.writes() - before;
      const tried: string[] = [];
      for (const [n, death] of deaths(writes, DEATHS).entries()) {
        tried.push(`${death.when} ${death.at}`);
        await once({ rig, app, scenario, n: n + 1, death });
      }
      watch.stop();
      await load.stop();
      expect(load.failures).toEqual([]);
      expect([...watch.seen]).toEqual([1]);
      console.log(
        `${scenario.name}: ${writes} writes, died ${tried.length} times (${tried.slice(0, 12).join(", ")}…); ${load.sent} requests, 0 failed; API back ${figures(rig.backMs)}`,
      );
    },
    60_000 + DEATHS * DEATH_BUDGET_MS,
  );

/** All of them, or some drawn at random. */
function deaths(writes: number, most: number): Death[] {
  const all = Array.from({ length: writes }, (_, at): Death[] => [
    { at: at + 1, when: "before" },
    { at: at + 1, when: "after" },
  ]).flat();
  while (all.length > most) all.splice(Math.floor(between(0, all.length)), 1);
  return all;
}

async function once({ rig, app, scenario, n, death }: { rig: DeployRig; app: AppUnderTest; scenario: Scenario; n: number; death?: Death }) {
  const before = rig.row(app.name) as AppRow;
  const [last] = rig.runs(app.name);
  if (death) rig.arm(death);
  await scenario.ask(rig, app, n).catch((error: unknown) => {
    if (!death) throw error;
  });
  rig.disarm();
  const second = death && n % 2 === 1 ? { at: Math.ceil(between(0, RESUMED_WRITES)), when: death.when } : undefined;
  if (!(await rig.answers())) await resume(rig, second);
  const run = rig.runs(app.name).find(({ id }) => id > (last?.id ?? ""));
  try {
    if (run) await rig.client.waitRun(run.id);
    const after = await rig.assertSettled(app);
    const ended = rig.runs(app.name).find(({ id }) => id === run?.id);
    if (ended) check(scenario, { before, after, ended: ended.status, commit: await app.git("rev-parse", "HEAD") });
    else expect(after.live).toBe(before.live as "blue");
    expect(await app.version()).toBe(await versionOf(app, after));
  } catch (error) {
    throw new Error(`deaths ${JSON.stringify([death, second])}: ${String(error)}\n${rig.story(run?.id ?? "none")}`, { cause: error });
  }
}

/** The next daemon, or the one after it when that dies too, in the midst of what it resumes. */
async function resume(rig: DeployRig, death: Death | undefined): Promise<void> {
  if (!death) return void (await rig.begin());
  rig.arm(death);
  const begun = await rig.begin().then(
    () => true,
    () => false,
  );
  if (begun) await until("its death, or the end of every run", async () => !(await rig.answers()) || !rig.isBusy("blog"), 20_000);
  rig.disarm();
  if (!(await rig.answers())) await rig.begin();
}

function check(
  scenario: Scenario,
  { before, after, ended, commit }: { before: AppRow; after: AppRow; ended: string; commit: string },
): void {
  expect(scenario.ends).toContain(ended);
  const commitIn = (row: AppRow, slot: "live" | "previous") => row.slots[row[slot] ?? "blue"]?.commit;
  const [live, previous] = [commitIn(after, "live"), commitIn(after, "previous")];
  const wanted = {
    same: [commitIn(before, "live"), commitIn(before, "previous")],
    new: [commit.trim(), commitIn(before, "live")],
    previous: [commitIn(before, "previous"), commitIn(before, "live")],
  };
  const which = scenario.live[ended] ?? "same";
  const allowed = which === "any" ? [wanted.same, wanted.new] : [wanted[which]];
  expect(allowed).toContainEqual([live, previous]);
}

async function versionOf(app: AppUnderTest, row: AppRow): Promise<string> {
  const commit = row.slots[row.live ?? "blue"]?.commit;
  return (JSON.parse(await app.git("show", `${commit}:behaviour.json`)) as { version: string }).version;
}
