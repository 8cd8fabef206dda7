import { expect, test } from "bun:test";
import { until } from "../until.ts";
import { AppUnderTest } from "./app-under-test.ts";
import { runsRig, type SeenRun } from "./runs-rig.ts";

const rig = runsRig();

async function runsOf(query: string): Promise<SeenRun[]> {
  return (await rig.get(`/runs?${query}`)).body["runs"] as SeenRun[];
}

test("changes of stacks are runs like all others: the same list, stream and words", async () => {
  const stack = rig.stack('services:\n  a: { runtime: process, command: ["sleep", "300"] }');
  await stack.up();
  const { body } = await rig.get(`/runs?stack=${stack.name}`);
  const [run] = body["runs"] as SeenRun[];
  expect(run).toMatchObject({ kind: "apply", mode: "local", status: "completed", owner: "orco", stack: stack.name });
  const id = run?.id ?? "";
  expect((await rig.get("/runs?kind=apply&status=completed")).body["runs"]).toHaveLength(1);
  const stream = await rig.events(`/runs/${id}/events`);
  await stream.over;
  expect(stream.frames.at(-1)).toEqual({ event: "end", data: { runId: id, status: "completed" } });
  for (const { event, data } of stream.numbered) {
    expect(["status", "step", "log"]).toContain(event);
    if (event === "status") expect(["pending", "running", "completed"]).toContain(String(data["status"]));
  }
  expect((await rig.get(`/runs/${id}/checkpoints`)).body).toEqual({ runId: id, checkpoints: [] });
  const refused = await rig.delete(`/runs/${id}`);
  expect([refused.status, refused.body["from"], refused.body["to"]]).toEqual([409, "completed", "canceled"]);
  for (const path of ["/pause", "/claim", "/retry"]) {
    const reply = await rig.post(`/runs/${id}${path}`, path === "/claim" ? { worker: "w" } : {});
    expect([path, reply.status]).toEqual([path, 409]);
  }
  expect((await rig.get(`/runs/${id}/logs`)).status).toBe(200);
});

test("one that is canceled is called so everywhere", async () => {
  const stack = rig.stack(
    'services:\n  a: { runtime: process, command: ["sleep", "300"], health: { interval: 30ms, command: { command: ["false"] } } }',
  );
  const up = stack.orco("up", "-d", "--wait");
  const run = await until("the apply", async () => (await runsOf(`stack=${stack.name}&status=running`))[0]);
  const stream = await rig.events(`/runs/${run.id}/events`);
  const canceled = await rig.delete(`/runs/${run.id}`);
  expect(canceled.body).toMatchObject({ ok: true, status: "canceled" });
  expect((await rig.delete(`/runs/${run.id}`)).body).toMatchObject({ ok: true, status: "canceled" });
  await stream.over;
  expect(stream.frames.at(-1)).toEqual({ event: "end", data: { runId: run.id, status: "canceled" } });
  expect((await runsOf(`stack=${stack.name}&status=canceled`)).map(({ id }) => id)).toEqual([run.id]);
  expect((await rig.run(run.id)).steps.map(({ status }) => status).join()).not.toContain("cancelled");
  expect(stream.numbered.filter(({ event }) => event !== "log").map(({ data }) => data["status"])).not.toContain("cancelled");
  expect((await up).code).not.toBe(0);
});

test("deploys, good and bad, and rollbacks", async () => {
  const app = await AppUnderTest.create(rig, "shop");
  await app.deploy(await app.commit({ version: "v1" }));
  await app.deploy(await app.commit({ version: "v2" }));
  await app.put({ health_timeout_ms: 3000 });
  await app.deploy(await app.commit({ version: "v3", health: 500 }));
  await app.put();
  await rig.post("/rollback", { app: "shop" });
  const runs = (await runsOf("limit=500")).filter((run) => run["app"] === "shop");
  expect(runs.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
    "rollback completed",
    "deploy failed",
    "deploy completed",
    "deploy completed",
  ]);
  expect((await runsOf("kind=deploy&status=failed")).map(({ id }) => id)).toEqual([runs[1]?.id ?? ""]);
  for (const { id, status } of runs) {
    const stream = await rig.events(`/runs/${id}/events`);
    await stream.over;
    expect(stream.frames[0]).toMatchObject({ event: "hello", data: { runId: id, status } });
    expect(stream.frames.at(-1)).toEqual({ event: "end", data: { runId: id, status } });
    expect(stream.numbered.map(({ data }) => data["n"])).toEqual(stream.numbered.map((_, at) => at + 1));
  }
  const { text } = await rig.get("/metrics");
  expect(text).toMatch(/orco_runs_total\{kind="deploy",mode="local",status="failed"\} 1/);
});
