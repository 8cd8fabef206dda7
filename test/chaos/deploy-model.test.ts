import { expect, test } from "bun:test";
import { AppUnderTest } from "../scenarios/app-under-test.ts";
import { until } from "../until.ts";
import { DeployRig } from "./deploy-rig.ts";
import { cycles } from "./rig.ts";

const COMMANDS = cycles(14, 150);
const COMMAND_BUDGET_MS = 15_000;
const SEED = Number(process.env["ORCO_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const CONTRACT = { health_timeout_ms: 15_000, drain_timeout_ms: 1000, stop_timeout_ms: 1000 };

/** What an app should be like: versions by name. */
interface Model {
  live: string | undefined;
  previous: string | undefined;
}

interface World {
  readonly rig: DeployRig;
  readonly app: AppUnderTest;
  readonly model: Model;
  readonly version: string;
}

const COMMAND: Readonly<Record<string, (world: World) => Promise<void>>> = {
  deployGood: async (world) => {
    const { app, version, model } = world;
    expect(await app.deploy(await app.commit({ version }))).toMatchObject({ status: 200 });
    [model.previous, model.live] = [model.live, version];
  },
  deployBad: async ({ app, version }) => {
    expect(await app.deploy(await app.commit({ version, health: 500, exitAfterMs: 30 }))).toMatchObject({ status: 422 });
  },
  deploySlowAndKillDaemon: async (world) => {
    const { version, model, rig } = world;
    const { run } = await begin(world, 400);
    await rig.kill();
    await rig.begin();
    expect(await rig.client.waitRun(run)).toMatchObject({ status: "completed" });
    [model.previous, model.live] = [model.live, version];
  },
  deploySlowAndCancel: async (world) => {
    const { run, answer } = await begin(world, 3000);
    await world.rig.client.cancelRun(run);
    expect(await answer).toMatchObject({ status: 409, body: { code: "cancelled" } });
  },
  deploySlowAndChange: async (world) => {
    const { answer } = await begin(world, 300);
    await world.app.put({ ...CONTRACT, env: { CHANGED: world.version } });
    expect(await answer).toMatchObject({ status: 200 });
    [world.model.previous, world.model.live] = [world.model.live, world.version];
  },
  rollback: async ({ app, model }) => {
    const answer = await app.rollback();
    if (model.previous === undefined) return expect(answer).toMatchObject({ status: 409, body: { code: "no_previous_slot" } });
    expect(answer).toMatchObject({ status: 200 });
    [model.previous, model.live] = [model.live, model.previous];
  },
  removeAndAdd: async ({ rig, app, model }) => {
    await rig.client.removeApp(app.name);
    expect(rig.processes()).toEqual([]);
    await app.put(CONTRACT);
    [model.previous, model.live] = [undefined, undefined];
  },
  removeInDeploy: async (world) => {
    const { rig, app, model } = world;
    const { answer } = await begin(world, 3000);
    await rig.client.removeApp(app.name);
    expect(await answer).toMatchObject({ status: 409, body: { code: "cancelled" } });
    expect(rig.processes()).toEqual([]);
    await app.put(CONTRACT);
    [model.previous, model.live] = [undefined, undefined];
  },
  killProcess: async ({ rig, model }) => {
    if (model.live === undefined) return;
    const [pid = ""] = rig.processes()[0]?.split(" ") ?? [];
    process.kill(Number(pid), "SIGKILL");
    await until("the app to be another process", () => !rig.processes().some((line) => line.startsWith(`${pid} `)), 20_000);
  },
  killDaemon: async ({ rig }) => {
    await rig.kill();
    await rig.begin();
  },
};

/** A deploy that is at its health check, and stays there for a while. */
async function begin({ rig, app, version }: World, readyAfterMs: number): Promise<{ run: string; answer: Promise<unknown> }> {
  const commit = await app.commit({ version, readyAfterMs });
  const [last] = rig.runs(app.name);
  const answer = app.deploy(commit).catch((error: unknown) => error);
  const run = await until("a new run", () => rig.runs(app.name).find(({ id }) => id > (last?.id ?? ""))?.id, 20_000);
  await until("its health check", () => rig.step(run, "health"), 20_000);
  return { run, answer };
}

test(
  `${COMMANDS} random commands: the app is as a simple model says (ORCO_SEED=${SEED})`,
  async () => {
    await using rig = new DeployRig();
    await rig.begin();
    const app = await AppUnderTest.create(rig, "blog", CONTRACT);
    const model: Model = { live: undefined, previous: undefined };
    const next = random(SEED);
    const names = Object.keys(COMMAND);
    const done: string[] = [];
    for (let n = 0; n < COMMANDS; n++) {
      const name = names[Math.floor(next() * names.length)] ?? "killDaemon";
      done.push(name);
      try {
        await COMMAND[name]?.({ rig, app, model, version: `v${n}` });
        await check(rig, app, model);
      } catch (error) {
        const story = rig.story(rig.runs(app.name)[0]?.id ?? "none");
        throw new Error(`ORCO_SEED=${SEED} after ${done.join(", ")}: ${String(error)}\n${story}`, { cause: error });
      }
    }
    console.log(`seed ${SEED}: ${done.join(", ")}`);
  },
  60_000 + COMMANDS * COMMAND_BUDGET_MS,
);

async function check(rig: DeployRig, app: AppUnderTest, { live, previous }: Model): Promise<void> {
  if (live === undefined) {
    expect(await app.status()).toMatchObject({ live_slot: null, previous_slot: null, healthy: false });
    expect(rig.processes()).toEqual([]);
    return;
  }
  const row = await rig.assertSettled(app);
  const commits = [row.live, row.previous].map((slot) => slot && row.slots[slot]?.subject);
  expect(commits).toEqual([`version ${live}`, previous === undefined ? undefined : `version ${previous}`]);
  // Of a connection of its own: one that was open when the app was removed has nobody behind it for a second.
  const answer = await fetch(app.url, { headers: { connection: "close" }, keepalive: false });
  expect(await answer.text()).toBe(live);
  expect(rig.activeTargets(app.name)).toBe(1);
}

/** mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
