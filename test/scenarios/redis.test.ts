import { afterEach, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunView } from "../../src/workflow/view.ts";
import { freePort } from "../free-port.ts";
import { HAS_REDIS, RedisServer } from "../redis-server.ts";
import { until } from "../until.ts";
import { type Rig, scenario, type Started } from "./rig.ts";

/** A daemon, workers and Redis, each a real process. */
const PATIENCE_MS = 20_000;
const redis = HAS_REDIS ? await RedisServer.absent() : undefined;
const port = freePort();
const url = `http://127.0.0.1:${port}`;
const env = { REDIS_URL: redis?.url ?? "", ORCHD_BIND_ADDR: `127.0.0.1:${port}`, ORCO_LEASE_MS: "3000", RATE_LIMIT_MAX: "0" };

afterEach(() => redis?.kill());

function withRedis(title: string, body: (rig: Rig, redis: RedisServer) => Promise<void>, more: Partial<typeof env> = {}): void {
  if (redis) scenario(title, (rig) => body(rig, redis), { ...env, ...more });
}

async function worker(rig: Rig, ...more: string[]): Promise<Started> {
  const started = rig.start(["worker", "--redis", env.REDIS_URL, "--api", url, ...more]);
  await until("the worker takes runs", () => started.out().includes("takes runs"), PATIENCE_MS);
  return started;
}

function post(steps: readonly object[]): Promise<Response> {
  const body = JSON.stringify({ plan: { steps } });
  return fetch(`${url}/runs?mode=redis`, { method: "POST", headers: { "content-type": "application/json" }, body });
}

async function create(steps: readonly object[]): Promise<string> {
  const response = await post(steps);
  expect(response.status).toBe(201);
  return ((await response.json()) as { runId: string }).runId;
}

async function get(path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, body: await response.json() };
}

async function ended(id: string): Promise<RunView> {
  return until(
    `run ${id} has ended`,
    async () => {
      const { run } = (await get(`/runs/${id}`)).body as { run: RunView };
      return run.endedAt === undefined ? undefined : run;
    },
    PATIENCE_MS,
  );
}

function sh(rig: Rig, id: string, script: string): object {
  return { id, command: ["/bin/sh", "-c", script], workdir: rig.dir };
}

function lines(rig: Rig, name: string): string[] {
  const file = join(rig.dir, name);
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
}

withRedis("runs go to two workers and come back with outputs, logs and checkpoints", async (rig, server) => {
  await server.start();
  await rig.serve();
  const workers = await Promise.all([worker(rig), worker(rig)]);
  const script = `echo x >>ran; echo '{"type":"checkpoint","data":7}'; echo '{"type":"output","data":{"k":"v"}}'; echo hello`;
  const ids = await Promise.all(Array.from({ length: 10 }, () => create([sh(rig, "a", script)])));
  for (const id of ids) {
    const run = await ended(id);
    expect(run).toMatchObject({ status: "completed", mode: "redis", attempt: 1 });
    expect(run.steps[0]).toMatchObject({ status: "completed", outputs: { k: "v" } });
    expect((await get(`/runs/${id}/checkpoints`)).body).toMatchObject({ checkpoints: [{ data: 7 }] });
  }
  expect(lines(rig, "ran").length).toBe(10);
  const logs = await fetch(`${url}/runs/${ids[0]}/logs`);
  expect(await logs.text()).toContain("hello");
  for (const one of workers) one.kill("SIGTERM");
  expect((await Promise.all(workers.map((one) => one.ended))).map(({ code }) => code)).toEqual([0, 0]);
});

withRedis("without Redis new runs are refused at once, and readiness says why; when it is there they are taken", async (rig, server) => {
  await rig.serve();
  const before = performance.now();
  const refused = await post([sh(rig, "a", "true")]);
  expect(performance.now() - before).toBeLessThan(5000);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await get("/ready")).toMatchObject({ status: 503, body: { ok: false } });
  await server.start();
  await until("the daemon is ready", async () => (await get("/ready")).status === 200, PATIENCE_MS);
  const one = await worker(rig);
  expect((await ended(await create([sh(rig, "a", "true")]))).status).toBe("completed");
  one.kill("SIGTERM");
  await one.ended;
});

withRedis(
  "a daemon that is killed under a worker finds the run as the worker left it: nothing is recorded or executed twice",
  async (rig, server) => {
    await server.start();
    await rig.serve();
    const one = await worker(rig);
    const talk = `n=0; while [ $n -lt 150 ]; do n=$((n+1)); echo "{\\"type\\":\\"checkpoint\\",\\"data\\":$n}"; echo $n >>said; sleep 0.01; done`;
    const id = await create([sh(rig, "a", talk)]);
    for (const at of [20, 60, 100]) {
      await until(`it has said ${at}`, () => lines(rig, "said").length >= at, PATIENCE_MS);
      await rig.killDaemon();
      await rig.serve();
    }
    expect(await ended(id)).toMatchObject({ status: "completed", attempt: 1 });
    const { checkpoints } = (await get(`/runs/${id}/checkpoints?limit=500`)).body as { checkpoints: { data: number }[] };
    expect(checkpoints.map(({ data }) => data)).toEqual(Array.from({ length: 150 }, (_, n) => n + 1));
    one.kill("SIGTERM");
    await one.ended;
  },
  // On a busy machine a daemon may need some seconds to be back.
  { ORCO_LEASE_MS: "15000" },
);
