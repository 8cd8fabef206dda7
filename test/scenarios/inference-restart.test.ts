import { afterAll, beforeAll, expect, test } from "bun:test";
import type { TaskView } from "../../src/inference/tasks/task.ts";
import { EngineRig } from "../../src/inference/mock/engine.fake.ts";
import { planeOf } from "./inference-rig.ts";

/** What a daemon that was killed leaves behind (inference.md, last paragraph and "Task"). */

const plane = planeOf();
const engine = new EngineRig({ slots: 1, tokensPerS: 100 });
beforeAll(() => plane.pool("p", engine.engine.url, { slots: 1, policy: "prefix" }));
afterAll(() => engine.engine.stop());

test("each 202 has one end: done stays done, what ran or waited is WORKER_RESET; pools are there again", async () => {
  const { task_id: done } = await plane.task({ max_tokens: 3 });
  const before = await plane.ended(done);
  const running = await plane.running();
  const listener = await plane.events(running);
  const token = await listener.when(({ data }) => data["i"] === 2);
  const canceled = (await plane.task()).task_id;
  await plane.cancel(canceled);
  const waiting = [await plane.task(), await plane.task({ priority: "batch" })].map(({ task_id: id }) => id);
  await plane.rig.again();
  expect(await listener.over).toBe("broken");
  expect((await plane.get<TaskView>(`/v2/tasks/${done}`)).body).toEqual(before);
  expect((await plane.get<TaskView>(`/v2/tasks/${canceled}`)).body.state).toBe("canceled");
  const lost = { code: "WORKER_RESET", retriable: true };
  for (const id of [running, ...waiting]) {
    const { body } = await plane.get<TaskView>(`/v2/tasks/${id}`);
    expect(body).toMatchObject({ state: "failed", error: lost, pool_id: "p" });
    expect((await plane.cancel(id)).status).toBe(204);
    const fresh = await plane.events(id);
    await fresh.over;
    expect(fresh.frames).toMatchObject([{ event: "error", data: lost }]);
    expect((await plane.events(id, { from: fresh.last?.id ?? "" })).response.status).toBe(204);
  }
  const again = await plane.events(running, { from: token.id ?? "" });
  await again.over;
  expect(again.frames).toMatchObject([{ event: "error", data: lost }]);
  expect(again.numbers).toEqual([Number(token.id?.split("-")[1]) + 1]);
  expect((await plane.get(`/v2/tasks/${done}/events`)).status).toBe(404);
  const kept = await plane.poolThat("p", ({ ready }) => ready);
  expect(kept).toMatchObject({ policy: "prefix", models: ["chain"], slots_total: 1, queue_depth: 0 });
  const { body } = await plane.get<{ tasks: TaskView[] }>("/v2/tasks");
  expect(body.tasks.length).toBe(5);
  await plane.task({ task_id: running, max_tokens: 2 });
  expect(await plane.ended(running)).toMatchObject({ state: "completed", tokens_out: 2 });
  expect((await plane.get("/v2/tasks/not-there")).status).toBe(404);
});

test("a daemon that is asked to end ends what it has as well, and says so to those who listen", async () => {
  const running = await plane.running();
  const listener = await plane.events(running);
  await listener.when(({ data }) => data["i"] === 2);
  const { task_id: waits } = await plane.task();
  await plane.rig.killDaemon("SIGTERM");
  await listener.over;
  expect(listener.events).not.toContain("end");
  await plane.rig.up();
  for (const id of [running, waits])
    expect((await plane.get<TaskView>(`/v2/tasks/${id}`)).body).toMatchObject({ state: "failed", error: { code: "WORKER_RESET" } });
});
