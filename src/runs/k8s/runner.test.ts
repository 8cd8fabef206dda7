import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../test/until.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { jobName } from "./names.ts";
import { homeId } from "../home-id.ts";
import { execution, FakeApi, Heard, KubeRig, step } from "./rig.fake.ts";
import type { StepExecution } from "../ports.ts";

const CHECKPOINT = (n: number): string => JSON.stringify({ type: "checkpoint", data: n });
const folder = mkdtempSync(join(tmpdir(), "orco-k8s-api-"));
const at: { api?: FakeApi; rig?: KubeRig } = {};

beforeAll(async () => {
  at.api = await FakeApi.start();
});
afterAll(async () => {
  await at.api?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  at.rig = new KubeRig(api().kubeconfig(folder));
});
afterEach(async () => {
  await api().tell("heal");
  await at.rig?.[Symbol.asyncDispose]();
});

function api(): FakeApi {
  if (!at.api) throw new Error("not started");
  return at.api;
}

function rig(): KubeRig {
  if (!at.rig) throw new Error("not started");
  return at.rig;
}

function nameOf(what: StepExecution): string {
  return jobName(what, homeId(rig().home)).name;
}

async function running(what: StepExecution): Promise<void> {
  await until("its pod is watched", async () => (await api().seen(`pods/${nameOf(what)}-pod/log`)).length > 0);
}

describe("a step", () => {
  test("runs, and what it says arrives once and before its end", async () => {
    const heard = new Heard();
    const say = ["say", "hello", CHECKPOINT(1), JSON.stringify({ type: "output", data: { k: "v" } }), "bye"];
    const handle = await rig()
      .runner()
      .start(execution(step(say)), heard);
    expect(await handle.ended).toEqual({ kind: "completed" });
    expect(heard.lines).toEqual(["hello", "bye"]);
    expect(heard.checkpoints.map(({ data }) => data)).toEqual([1]);
    expect(heard.outputs).toEqual([{ k: "v" }]);
  });

  test("that fails says with what", async () => {
    const handle = await rig()
      .runner()
      .start(execution(step(["exit", "3"])), new Heard());
    expect(await handle.ended).toEqual({ kind: "failed", error: { code: "step_failed", message: "exit 3", facts: { exit: 3 } } });
  });

  test("that is stopped is canceled when its pods are gone", async () => {
    const what = execution(step(["hang"]));
    const handle = await rig().runner().start(what, new Heard());
    await running(what);
    handle.stop("cancel", 1000);
    expect(await handle.ended).toEqual({ kind: "canceled" });
    expect(await api().seen(`DELETE /apis/batch/v1/namespaces/default/jobs/${nameOf(what)}`)).toHaveLength(1);
  });

  test("that is stopped because of its time has failed with timeout", async () => {
    const what = execution(step(["hang"], { timeout_ms: 60_000 }));
    const handle = await rig().runner().start(what, new Heard());
    await running(what);
    handle.stop("timeout", 1000);
    expect(await handle.ended).toEqual({
      kind: "failed",
      error: { code: "timeout", message: "it had not ended after 1m00s, and was stopped" },
    });
  });

  test("whose pod is evicted is lost, not failed", async () => {
    const what = execution(step(["hang"]));
    const handle = await rig().runner().start(what, new Heard());
    await running(what);
    const conditions = [{ type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", message: "drained" }];
    await api().tell("pod", { job: nameOf(what), status: { conditions } });
    await api().tell("pod", { job: nameOf(what), exit: 143 });
    expect(await handle.ended).toEqual({ kind: "lost", message: "its pod was taken away: drained" });
  });

  test("whose image has no name fails for good, and its Job goes", async () => {
    const what = execution(step(["wait"]));
    const heard = new Heard();
    const handle = await rig().runner().start(what, heard);
    await until(
      "there is a pod",
      async () => (await api().seen(`PATCH /apis/batch/v1/namespaces/default/jobs/${nameOf(what)}`)).length > 0,
    );
    const waiting = { reason: "InvalidImageName", message: "UPPER" };
    await api().tell("pod", { job: nameOf(what), status: { containerStatuses: [{ name: "step", state: { waiting } }] } });
    expect(await handle.ended).toMatchObject({ kind: "failed", final: true, error: { code: "start_failed" } });
    expect(heard.said).toEqual(["its image cannot be used: InvalidImageName: UPPER"]);
    expect(await api().seen(`DELETE /apis/batch/v1/namespaces/default/jobs/${nameOf(what)}`)).toHaveLength(1);
  });

  test("that says something refused is stopped", async () => {
    const heard = new Heard();
    heard.refuse = () => {
      throw new OrcoError("conflict", "attempt 2 has it");
    };
    const handle = await rig()
      .runner()
      .start(execution(step(["say", CHECKPOINT(1)])), heard);
    expect(await handle.ended).toEqual({ kind: "lost", message: "attempt 2 has it" });
  });
});

describe("an API server that has a bad day", () => {
  test("429 with Retry-After, 500 and a hang-up on the way in are tried again", async () => {
    await api().tell("fault", { match: "POST /apis/batch", status: 429, retry_after: 1 });
    await api().tell("fault", { match: "POST /api/v1/namespaces/default/secrets", status: 500, times: 2 });
    await api().tell("fault", { match: "PATCH", status: 503 });
    const heard = new Heard();
    const began = performance.now();
    const handle = await rig()
      .runner()
      .start(execution(step(["exit", "0"])), heard);
    expect(await handle.ended).toEqual({ kind: "completed" });
    expect(performance.now() - began).toBeGreaterThanOrEqual(1000);
    expect(heard.said[0]).toContain("answered 429");
  });

  test("watches that are cut, expired or refused lose nothing", async () => {
    const what = execution(step(["hang"]));
    const heard = new Heard();
    const handle = await rig().runner().start(what, heard);
    await running(what);
    await api().tell("cut", { what: "watch" });
    await api().tell("fault", { match: "watch=true", status: 410, times: 2 });
    await api().tell("fault", { match: "jobs?labelSelector", slow_ms: 300, times: 2 });
    await api().tell("gone");
    await api().tell("pod", { job: nameOf(what), log: ["last words", CHECKPOINT(7)], exit: 0 });
    expect(await handle.ended).toEqual({ kind: "completed" });
    expect(heard.checkpoints.map(({ data }) => data)).toEqual([7]);
  });

  test("a log that is cut goes on where it was", async () => {
    const what = execution(step(["hang"]));
    const heard = new Heard();
    const handle = await rig().runner().start(what, heard);
    await running(what);
    for (const n of [1, 2, 3]) {
      await api().tell("pod", { job: nameOf(what), log: [`line ${n}`, CHECKPOINT(n)] });
      await until(`checkpoint ${n}`, () => heard.checkpoints.length === n);
      await api().tell("cut", { what: "log" });
    }
    await api().tell("pod", { job: nameOf(what), log: ["line 4"], exit: 0 });
    expect(await handle.ended).toEqual({ kind: "completed" });
    expect(heard.lines).toEqual(["line 1", "line 2", "line 3", "line 4"]);
    expect(heard.checkpoints.map(({ data }) => data)).toEqual([1, 2, 3]);
  });

  test("a request that hangs is known within two seconds", async () => {
    const runner = rig().runner();
    await runner.assertAvailable();
    expect(runner.check().ok).toBe(true);
    await using dead = new KubeRig(join(folder, "kubeconfig"));
    await api().tell("fault", { match: "limit=1", hang: true, times: 9 });
    const began = performance.now();
    const refused = dead.runner().assertAvailable();
    expect(refused).rejects.toMatchObject({ code: "unavailable", facts: { retry_after_s: 5 } });
    await refused.catch(() => undefined);
    expect(performance.now() - began).toBeLessThan(8000);
  });
});

describe("a daemon that comes back", () => {
  test("adopts what runs: nothing twice, nothing missing", async () => {
    const what = execution(step(["hang"]));
    const before = new Heard();
    const first = rig().runner();
    await first.start(what, before);
    await running(what);
    await api().tell("pod", { job: nameOf(what), log: ["one", CHECKPOINT(1)] });
    await until("the checkpoint", () => before.checkpoints.length === 1);
    first.close();
    await api().tell("pod", { job: nameOf(what), log: ["two", CHECKPOINT(2)] });
    const after = new Heard();
    const consumed = before.checkpoints[0]?.consumed ?? 0;
    const handle = await rig()
      .runner()
      .adopt({ ...what, consumed }, after);
    await api().tell("pod", { job: nameOf(what), exit: 0 });
    expect(await handle?.ended).toEqual({ kind: "completed" });
    expect(after.checkpoints.map(({ data }) => data)).toEqual([2]);
    expect(after.lines).toEqual(["two"]);
    expect(before.checkpoints).toHaveLength(1);
  });

  test("adopts what has ended meanwhile", async () => {
    const what = execution(step(["say", CHECKPOINT(1)]));
    await (
      await rig().runner().start(what, new Heard())
    ).ended;
    const after = new Heard();
    const handle = await rig().runner().adopt(what, after);
    expect(await handle?.ended).toEqual({ kind: "completed" });
    expect(after.checkpoints.map(({ data }) => data)).toEqual([1]);
  });

  test("finds nothing of what never was, and says so", async () => {
    expect(
      await rig()
        .runner()
        .adopt(execution(step(["hang"])), new Heard()),
    ).toBeUndefined();
  });

  test("does not take a Job of another home for its own", async () => {
    const what = execution(step(["exit", "0"]));
    const name = nameOf(what);
    const body = JSON.stringify({ metadata: { name, labels: {} }, spec: { suspend: true } });
    await fetch(`http://127.0.0.1:${api().port}/apis/batch/v1/namespaces/default/jobs`, { method: "POST", body });
    const handle = await rig().runner().start(what, new Heard());
    expect(await handle.ended).toMatchObject({ kind: "failed", error: { code: "conflict" } });
    expect(await api().seen(`DELETE /apis/batch/v1/namespaces/default/jobs/${name}`)).toEqual([]);
  });
});

describe("a run that has ended", () => {
  test("leaves no token and nothing running", async () => {
    const what = execution(step(["exit", "0"]));
    const runner = rig().runner();
    await (
      await runner.start(what, new Heard())
    ).ended;
    await runner.forget(what.run);
    expect(await api().seen("DELETE /api/v1/namespaces/default/secrets?labelSelector=")).toHaveLength(1);
  });
});

test("without a cluster the message says how to get one", async () => {
  await using none = new KubeRig(undefined);
  const runner = none.runner();
  expect(runner.check()).toEqual({ name: "kubernetes", ok: true, detail: "not used" });
  expect(runner.assertAvailable()).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("KUBECONFIG") });
  const handle = await runner.start(execution(step(["exit", "0"])), new Heard());
  expect(await handle.ended).toMatchObject({ kind: "failed", error: { code: "unavailable" } });
});
