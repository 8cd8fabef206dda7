import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import type { PoolView } from "../../src/inference/pools/pool.ts";
import { until } from "../until.ts";
import { InferenceCalls } from "./inference-calls.ts";
import { ORCO, sharedRig } from "./rig.ts";

const rig = sharedRig();
const api = new InferenceCalls(rig);
await rig.serve();

/** A stack whose engine serves the model that ORCO_MODEL_REF names, else `chain`; one that is called `broken` never starts. */
function engines(pool: string, more = ""): string {
  return `
    services:
      llm:
        command: |
          test "$$ORCO_MODEL_REF" != broken || { echo no such model; exit 3; }
          exec ${ORCO} mock-engine --port "$$PORT" --slots 2 --tokens-per-s 40 --model "$\${ORCO_MODEL_REF:-chain}"
        ports: ["8000"]
        replicas: 2
        health: { http: { url: "http://localhost:8000/health" }, interval: 100ms, timeout: 5s, gracePeriod: 60s }
        restartPolicy: { backoff: { min: 50ms } }
        stop: { timeout: 2s }
        labels: { pool: ${pool}, engine: mock, slots: "2"${more} }
  `;
}

test("services with the label pool are its replicas, instance by instance; the API's pool of that id counts before them", async () => {
  const stack = rig.stack(engines("p1"));
  await stack.ok("up", "-d", "--wait");
  const pool = await api.poolThat("p1", ({ replicas }) => replicas.filter(({ ready }) => ready).length === 2);
  expect(pool).toMatchObject({ source: "stack", engine: "mock", models: ["chain"], slots_total: 4, slots_free: 4 });
  expect(new Set(pool.replicas.map(({ url }) => url)).size).toBe(2);
  expect(pool.replicas.map(({ id }) => id.replace(/-[0-9a-f]{6}$/, "")).toSorted()).toEqual(["llm-0", "llm-1"]);
  expect(await api.ended(await api.task({ model_ref: "chain", max_tokens: 2 }))).toMatchObject({ state: "completed", pool_id: "p1" });
  expect((await api.call("DELETE", "/v2/pools/p1")).body).toMatchObject({ status: 409, code: "CONFLICT" });

  using engine = new EngineRig({ models: ["other"] });
  await api.call("PUT", "/v2/pools/p1", { engine: "mock", replicas: [{ id: "x", url: engine.engine.url }] });
  expect((await api.pool("p1")).body).toMatchObject({ source: "api", models: ["other"] });
  expect((await api.pool("p1")).body.last_error).toContain(`stack ${stack.name}/llm has a pool of this id too`);
  await api.call("DELETE", "/v2/pools/p1");
  await api.poolThat("p1", ({ source, ready }) => source === "stack" && ready);

  await stack.ok("stop", "llm");
  const stopped = await api.poolThat("p1", ({ ready }) => !ready);
  expect(stopped.models).toEqual(["chain"]);
  await stack.ok("down");
  expect((await api.pool("p1")).status).toBe(404);
});

test("reload of a stack's engines: the former model is served until the new one is ready, and no task fails", async () => {
  const stack = rig.stack(engines("p2"));
  await stack.ok("up", "-d", "--wait");
  await api.poolThat("p2", ({ replicas }) => replicas.filter(({ ready }) => ready).length === 2);
  const pinned = { placement: { mode: "pin", pin_pool_id: "p2" } };
  const long = await api.task({ ...pinned, model_ref: "chain", prompt: "loop", max_tokens: 60 });
  const ids = [long];
  expect((await api.call("POST", "/v2/pools/p2/reload", { new_model_ref: "fresh" })).status).toBe(202);
  // As long as the pool has the former model, tasks for it are taken and end well.
  for (let model = "chain"; model === "chain";) {
    const { models } = (await api.pool("p2")).body;
    model = models.includes("chain") && !models.includes("fresh") ? "chain" : "fresh";
    if (model === "chain") {
      const id = await api.task({ ...pinned, model_ref: "chain", max_tokens: 1 });
      ids.push(id);
      await api.ended(id);
    }
  }
  for (const id of ids) expect(await api.ended(id)).toMatchObject({ state: "completed" });
  const over = await api.poolThat("p2", ({ models, replicas }) => models.join() === "fresh" && replicas.every(({ ready }) => ready));
  expect(over.replicas).toHaveLength(2);
  expect(await api.ended(await api.task({ ...pinned, model_ref: "fresh", max_tokens: 1 }))).toMatchObject({ state: "completed" });
  // The file does not say it: the next apply brings back what it says.
  await stack.ok("apply");
  await api.poolThat("p2", ({ models, replicas }) => models.join() === "chain" && replicas.every(({ ready }) => ready));
  await stack.ok("down");
}, 60_000);

test("a reload that fails is rolled back: the former model is served on, and health says why", async () => {
  const stack = rig.stack(engines("p3", ", models: chain"));
  await stack.ok("up", "-d", "--wait");
  await api.poolThat("p3", ({ replicas }) => replicas.filter(({ ready }) => ready).length === 2);
  expect((await api.call("POST", "/v2/pools/p3/reload", { new_model_ref: "broken" })).status).toBe(202);
  expect((await api.call("POST", "/v2/pools/p3/reload", { new_model_ref: "again" })).body).toMatchObject({ status: 409, code: "CONFLICT" });
  const failed = await api.poolThat("p3", ({ last_error: error }) => error !== undefined, 20_000);
  expect(failed).toMatchObject({ ready: true, models: ["chain"] });
  expect(failed.last_error).toContain("the former model is served on");
  const after = await api.poolThat("p3", ({ replicas }) => replicas.length === 2 && replicas.every(({ ready }) => ready));
  expect(after.models).toEqual(["chain"]);
  expect((await api.call("POST", "/v2/pools/p3/reload", { new_model_ref: "fresh" })).status).toBe(202);
  const isOver = ({ models, replicas, last_error: error }: PoolView): boolean =>
    models.join() === "fresh" && replicas.every(({ ready }) => ready) && error === undefined;
  await api.poolThat("p3", isOver, 20_000);
  await stack.ok("down");
}, 60_000);

test("a reload that its daemon did not live to see fail is rolled back by the next one, and health says why", async () => {
  const stack = rig.stack(engines("p5").replace("exit 3;", "until test -e go; do sleep 0.05; done; exit 3;"));
  await stack.ok("up", "-d", "--wait");
  await api.poolThat("p5", ({ replicas }) => replicas.filter(({ ready }) => ready).length === 2);
  expect((await api.call("POST", "/v2/pools/p5/reload", { new_model_ref: "broken" })).status).toBe(202);
  const isReload = async (): Promise<true | undefined> => {
    const { runs } = (await api.call<{ runs: { status: string }[] }>("GET", `/runs?kind=reload&stack=${stack.name}`)).body;
    return runs.some(({ status }) => status === "running") ? true : undefined;
  };
  await until("the update to be under way", isReload);
  await rig.killDaemon();
  await rig.serve();
  writeFileSync(join(stack.dir, "go"), "");
  const failed = await api.poolThat("p5", ({ last_error: error }) => error?.includes("reload of broken failed") ?? false, 40_000);
  expect(failed.last_error).toContain("the former version was restored");
  const after = await api.poolThat("p5", ({ models, replicas }) => models.join() === "chain" && replicas.every(({ ready }) => ready));
  expect(after.replicas).toHaveLength(2);
  expect((await api.health("p5")).last_error).toBe(failed.last_error ?? "");
  await stack.ok("down");
}, 90_000);

test("an instance that is to stop gets no more tasks, and its own may end", async () => {
  const stack = rig.stack(engines("p4"));
  await stack.ok("up", "-d", "--wait");
  await api.poolThat("p4", ({ replicas }) => replicas.filter(({ ready }) => ready).length === 2);
  const task = { model_ref: "chain", prompt: "loop", max_tokens: 40, placement: { mode: "pin", pin_pool_id: "p4" } };
  const ids = await Promise.all([api.task(task), api.task(task), api.task(task), api.task(task)]);
  for (const id of ids) await api.taskThat(id, ({ state }) => state === "running");
  await stack.ok("scale", "llm=1");
  for (const id of ids) expect(await api.ended(id)).toMatchObject({ state: "completed", tokens_out: 40 });
  await api.poolThat("p4", ({ replicas }) => replicas.length === 1);
  await stack.ok("down");
}, 60_000);
