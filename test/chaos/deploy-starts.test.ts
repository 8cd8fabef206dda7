import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppUnderTest } from "../scenarios/app-under-test.ts";
import { until } from "../until.ts";
import { DeployRig } from "./deploy-rig.ts";

const OTHER_BOOT = "11111111-2222-4333-8444-555555555555";
/** A daemon starts twice or more in each, on a machine that may be busy. */
const TEST_MS = 60_000;
const CONTRACT = { health_timeout_ms: 15_000, drain_timeout_ms: 1000, stop_timeout_ms: 1500 };

async function twoReleases(rig: DeployRig): Promise<AppUnderTest> {
  await rig.begin();
  const app = await AppUnderTest.create(rig, "blog", CONTRACT);
  for (const version of ["v1", "v2"]) expect(await app.deploy(await app.commit({ version }))).toMatchObject({ status: 200 });
  return app;
}

function slots(rig: DeployRig): string {
  return join(rig.home, "apps/blog/slots");
}

function healthy(app: AppUnderTest): Promise<unknown> {
  return until("the app to be healthy", async () => (await app.status()).healthy || undefined, 20_000);
}

/** Everything that runs here ends, as with the machine. */
async function reboot(rig: DeployRig): Promise<void> {
  await rig.kill();
  for (const pid of rig.workers()) process.kill(pid, "SIGKILL");
  await rig.killInstances();
  for (const instance of readdirSync(join(rig.home, "instances"))) {
    const file = join(rig.home, "instances", instance, "meta.json");
    const meta = JSON.parse(readFileSync(file, "utf8")) as { identity: { bootId: string } };
    writeFileSync(file, JSON.stringify({ ...meta, identity: { ...meta.identity, bootId: OTHER_BOOT } }));
  }
}

test(
  "after a boot the live release runs once, and a deploy that was under way has ended; both releases are whole",
  async () => {
    await using rig = new DeployRig();
    const app = await twoReleases(rig);
    const [last] = rig.runs("blog");
    void app.deploy(await app.commit({ version: "v3", readyAfterMs: 2000 })).catch(() => undefined);
    const run = await until(
      "its health check",
      () => {
        const [found] = rig.runs("blog");
        return found && found.id !== last?.id && rig.step(found.id, "health") ? found.id : undefined;
      },
      20_000,
    );
    await reboot(rig);
    await rig.begin();
    const { status } = await rig.client.waitRun(run);
    const row = await rig.assertSettled(app);
    expect([status, row.slots[row.live ?? "blue"]?.subject]).toBeOneOf([
      ["completed", "version v3"],
      ["failed", "version v2"],
    ]);
    expect(await app.rollback()).toMatchObject({ status: 200 });
  },
  TEST_MS,
);

test(
  "a live release whose worktree is gone says so, and runs again when it is back",
  async () => {
    await using rig = new DeployRig();
    const app = await twoReleases(rig);
    await rig.kill();
    await rig.killInstances();
    renameSync(join(slots(rig), "green"), join(rig.dir, "lost"));
    await rig.begin();
    const said = await until(
      "the status to say so",
      async () => {
        const { healthy: isHealthy, message } = await app.status();
        return !isHealthy && message?.includes("green") && message.includes("slots") ? message : undefined;
      },
      20_000,
    );
    expect(said).toMatch(/no such|not exist|is missing|gone|not there/i);
    renameSync(join(rig.dir, "lost"), join(slots(rig), "green"));
    await healthy(app);
    await rig.assertSettled(app);
  },
  TEST_MS,
);

test(
  "a stranger on the live slot's port gets no traffic; the status names it, and the app starts when it has gone",
  async () => {
    await using rig = new DeployRig();
    const app = await twoReleases(rig);
    await rig.kill();
    await rig.killInstances();
    const stranger = Bun.serve({ hostname: "127.0.0.1", port: app.internalPort + 1, fetch: () => new Response("stranger") });
    await rig.begin();
    const said = await until(
      "the status to say so",
      async () => (await app.status()).message?.match(/port \d+ is held by pid \d+/)?.[0],
      20_000,
    );
    expect(said).toBe(`port ${app.internalPort + 1} is held by pid ${process.pid}`);
    const held = app.version();
    await stranger.stop(true);
    expect(await held).toBe("v2");
    await healthy(app);
    await rig.assertSettled(app);
  },
  TEST_MS,
);

test(
  "a daemon that dies while everything is taken down: the next one runs what is live",
  async () => {
    await using rig = new DeployRig();
    const app = await twoReleases(rig);
    await app.deploy(await app.commit({ version: "v3", ignoreTerm: true }));
    const [pid] = rig.processes();
    const shutdown = rig.client.shutdown().catch(() => undefined);
    await until("the stop to be on disk", () => rig.rows('SELECT 1 FROM slots WHERE row LIKE \'%"wanted":"stop"%\'').length > 0, 20_000);
    await rig.kill();
    await shutdown;
    await rig.begin();
    await until("another process", () => rig.processes().every((line) => line !== pid) && rig.processes().length > 0, 20_000);
    await healthy(app);
    await rig.assertSettled(app);
    expect(await app.version()).toBe("v3");
  },
  TEST_MS,
);

test(
  "what dead daemons left beside the slots is removed, and is not taken for the rollback target",
  async () => {
    await using rig = new DeployRig();
    const app = await twoReleases(rig);
    await rig.kill();
    const left = [".trash-1", ".trash-2", ".blue.partial", ".green.partial", "blue.previous", "green.previous"];
    for (const name of left) {
      mkdirSync(join(slots(rig), name, "deep"), { recursive: true });
      writeFileSync(join(slots(rig), name, "deep/file"), "of another time");
    }
    mkdirSync(join(rig.home, "apps/removed/repo.git"), { recursive: true });
    await rig.begin();
    await until("all of it to be gone", () => left.every((name) => !existsSync(join(slots(rig), name))), 20_000);
    expect(existsSync(join(rig.home, "apps/removed"))).toBe(false);
    mkdirSync(join(slots(rig), "blue.previous"));
    expect(await app.deploy(await app.commit({ version: "bad", health: 500, exitAfterMs: 20 }))).toMatchObject({ status: 422 });
    await rig.assertSettled(app);
    expect(await app.rollback()).toMatchObject({ status: 200 });
    expect(await app.version()).toBe("v1");
  },
  TEST_MS,
);

test(
  "an app that is removed while it deploys is gone, with everything it ran; its name is free",
  async () => {
    await using rig = new DeployRig();
    const app = await twoReleases(rig);
    const asked = app.deploy(await app.commit({ version: "v3", readyAfterMs: 3000 }));
    await until("the run", async () => (await app.status()).run, 20_000);
    const removed = rig.client.removeApp("blog");
    const refused = await app.deploy("main").catch(() => undefined);
    expect([404, 409]).toContain(refused?.status ?? 0);
    await removed;
    expect(await asked).toMatchObject({ body: { success: false, code: "cancelled" } });
    expect([rig.processes(), existsSync(join(rig.home, "apps/blog")), rig.row("blog")]).toEqual([[], false, undefined]);
    rmSync(join(app.repo, "behaviour.json"));
    await app.put(CONTRACT);
    expect(await app.deploy(await app.commit({ version: "again" }))).toMatchObject({
      status: 200,
      body: { slot: "blue", previous_commit: null },
    });
    await rig.assertSettled(app);
  },
  TEST_MS,
);
