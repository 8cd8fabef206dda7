import { expect, test } from "bun:test";
import type { PoolView } from "../../src/inference/pools/pool.ts";
import type { TaskView } from "../../src/inference/tasks/task.ts";
import { until } from "../until.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { ORCO, sharedRig } from "./rig.ts";

const rig = sharedRig();
const api = new InferenceCalls(rig);
await rig.serve();

interface Engines {
  readonly pool: string;
  readonly version?: number;
  readonly model?: string;
  readonly replicas?: number;
}

/** A stack of two mock engines. */
function engines({ pool, version = 1, model = "chain", replicas = 2 }: Engines): string {
  return `
    services:
      llm:
        command: exec ${ORCO} mock-engine --port "$$PORT" --slots 2 --tokens-per-s 60 --model "$\${ORCO_MODEL_REF:-${model}}"
        env: { VERSION: "${version}" }
        ports: ["8000"]
        replicas: ${replicas}
        health: { http: { url: "http://localhost:8000/health" }, interval: 100ms, timeout: 5s, gracePeriod: 60s }
        restartPolicy: { backoff: { min: 50ms } }
        stop: { timeout: 2s }
        labels: { pool: ${pool}, engine: mock, slots: "2" }
  `;
}

const allReady =
  (count: number) =>
  ({ replicas }: PoolView): boolean =>
    replicas.length === count && replicas.every(({ ready, draining }) => ready && !draining);

/** Clients that ask one thing after the other until they are told to stop. */
class Load {
  readonly ended: TaskView[] = [];
  readonly refused: string[] = [];
  private stopped = false;
  private readonly clients: readonly Promise<void>[];

  constructor(pool: string, clients: number) {
    this.clients = Array.from({ length: clients }, (_, n) => this.client(pool, n));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.clients);
  }

  get failed(): readonly TaskView[] {
    return this.ended.filter(({ state }) => state !== "completed");
  }

  private async client(pool: string, n: number): Promise<void> {
    for (let turn = 0; !this.stopped; turn++) {
      const task = { model_ref: "chain", prompt: "loop", max_tokens: 4 + ((7 * turn + n) % 30) };
      try {
        const id = await api.task({ ...task, placement: { mode: "pin", pin_pool_id: pool } });
        this.ended.push(await api.ended(id, 30_000));
      } catch (error) {
        this.refused.push(String(error));
        return;
      }
    }
  }
}

test("a rolling update, a restart and scaling of engines under a steady load: no task fails, and none is refused", async () => {
  const stack = rig.stack(engines({ pool: "p1" }));
  await stack.ok("up", "-d", "--wait");
  const before = await api.poolThat("p1", allReady(2));
  const load = new Load("p1", 6);
  stack.edit(engines({ pool: "p1", version: 2 }));
  await stack.ok("apply");
  const after = await api.poolThat("p1", allReady(2));
  expect(after.replicas.some(({ id }) => before.replicas.some((one) => one.id === id))).toBe(false);
  await stack.ok("scale", "llm=1");
  await api.poolThat("p1", allReady(1));
  await stack.ok("scale", "llm=3");
  await api.poolThat("p1", allReady(3));
  await stack.ok("restart", "llm");
  await api.poolThat("p1", allReady(3));
  await load.stop();
  expect(load.refused).toEqual([]);
  expect(load.failed).toEqual([]);
  expect(load.ended.length).toBeGreaterThan(20);
  await stack.ok("down");
}, 120_000);

test("an engine that is killed: its tasks end as WORKER_RESET, the others go on, and it is back", async () => {
  const stack = rig.stack(engines({ pool: "p2" }));
  await stack.ok("up", "-d", "--wait");
  await api.poolThat("p2", allReady(2));
  const task = { model_ref: "chain", prompt: "loop", max_tokens: 300, placement: { mode: "pin", pin_pool_id: "p2" } };
  const ids = await Promise.all([api.task(task), api.task(task)]);
  for (const id of ids) await api.taskThat(id, ({ state, tokens_out: tokens }) => state === "running" && tokens > 0);
  const pid = await stack.pid("llm", 0);
  const killed = performance.now();
  process.kill(pid, "SIGKILL");
  await api.poolThat("p2", ({ replicas }) => replicas.some(({ ready }) => !ready));
  await api.poolThat("p2", allReady(2), 20_000);
  const back = performance.now() - killed;
  expect(back).toBeLessThan(15_000);
  const ends = await Promise.all(ids.map((id) => api.ended(id)));
  expect(ends.map(({ state, error }) => `${state} ${error?.code ?? ""}`).toSorted()).toEqual(["completed ", "failed WORKER_RESET"]);
  expect(await api.ended(await api.task({ ...task, max_tokens: 2 }))).toMatchObject({ state: "completed" });
  await stack.ok("down");
}, 60_000);

test("a crash loop of engines leaves the pool there and unready; its tasks are refused at once", async () => {
  const stack = rig.stack(`
    services:
      llm:
        command: exit 3
        ports: ["8000"]
        restartPolicy: { backoff: { min: 50ms } }
        labels: { pool: p3, engine: mock, models: chain3 }
  `);
  await stack.orco("up", "-d");
  const pool = await api.poolThat("p3", ({ replicas }) => replicas.length === 1);
  expect(pool).toMatchObject({ ready: false, models: ["chain3"] });
  const { status, body } = await api.call("POST", "/v2/tasks", { model_ref: "chain3", prompt: "go" });
  expect([status, body["code"]]).toEqual([503, "POOL_UNREADY"]);
  await stack.ok("down");
}, 60_000);

test("two stacks with one pool are replicas of it; a label that an apply takes away takes them out, and what runs ends well or is told", async () => {
  const [one, two] = [rig.stack(engines({ pool: "p4", replicas: 1 })), rig.stack(engines({ pool: "p4", replicas: 1 }))];
  await Promise.all([one.ok("up", "-d", "--wait"), two.ok("up", "-d", "--wait")]);
  await api.poolThat("p4", allReady(2));
  const load = new Load("p4", 3);
  await until("tasks to run", () => load.ended.length > 3, 20_000);
  two.edit(engines({ pool: "p4", replicas: 1 }).replace("pool: p4, ", ""));
  await two.ok("apply");
  await api.poolThat("p4", allReady(1));
  const atApply = load.ended.length;
  await until("tasks to run on the other", () => load.ended.length > atApply + 3, 20_000);
  await load.stop();
  expect(load.refused).toEqual([]);
  expect(load.failed).toEqual([]);
  await Promise.all([one.ok("down"), two.ok("down")]);
  expect((await api.pool("p4")).status).toBe(404);
}, 60_000);

test("a daemon that is killed in the middle of a reload goes on with it: in the end all engines serve one model", async () => {
  const stack = rig.stack(engines({ pool: "p5" }));
  await stack.ok("up", "-d", "--wait");
  await api.poolThat("p5", allReady(2));
  expect((await api.call("POST", "/v2/pools/p5/reload", { new_model_ref: "fresh" })).status).toBe(202);
  await api.poolThat("p5", ({ replicas }) => replicas.length > 2);
  await rig.killDaemon();
  await rig.serve();
  const pool = await api.poolThat("p5", (now) => allReady(2)(now) && now.models.join() === "fresh", 30_000);
  expect(pool.draining).toBe(false);
  expect(await api.ended(await api.task({ model_ref: "fresh", max_tokens: 2 }))).toMatchObject({ state: "completed", pool_id: "p5" });
  expect((await api.call("POST", "/v2/pools/p5/reload", { new_model_ref: "chain" })).status).toBe(202);
  await api.poolThat("p5", (now) => allReady(2)(now) && now.models.join() === "chain", 30_000);
  await stack.ok("down");
}, 90_000);
