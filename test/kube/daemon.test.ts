import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endsOf, outcomeOf, type Outcome, PLANS, type Site, testServer } from "../scenarios/executors.ts";
import { RunsRig, sh } from "../scenarios/runs-rig.ts";
import { until } from "../until.ts";
import { missing, RealCluster } from "./cluster.ts";

/** The daemon with a real Kubernetes, as a user has it: everything goes through its API. */
const WAIT_MS = 90_000;
/** The daemon asks for no longer than two seconds. */
const AT_ONCE_MS = 2500;
const NOTICED_MS = 2500;
const why = missing();
if (why !== undefined) console.log(`skipped: the daemon on a real Kubernetes, because ${why}`);

const folder = mkdtempSync(join(tmpdir(), "orco-kube-daemon-"));
const rig = new RunsRig({ RATE_LIMIT_MAX: "0", KUBECONFIG: join(folder, "kubeconfig"), ORCO_K8S_IMAGE: "busybox:local" });
const server = testServer();
const site: Site = { rig, server: server.url.origin, timeoutMs: WAIT_MS };
const at: { cluster?: RealCluster } = {};
/** By plan: here and in the cluster. All at once, since most of their time is waiting for pods. */
const outcomes = new Map<string, Promise<[Outcome, Outcome]>>();

function cluster(): RealCluster {
  if (!at.cluster) throw new Error("not started");
  return at.cluster;
}

/** `last` checkpoints, one after the other; it goes on from where a former execution was. */
function counting(last: number, pause: number): object {
  const script = `at=0; [ -n "$ORCO_RESUME" ] && at=$(cat "$ORCO_RESUME"); while [ "$at" -lt ${last} ]; do at=$((at+1)); echo "{\\"type\\":\\"checkpoint\\",\\"data\\":$at}"; echo "line $at"; sleep ${pause}; done`;
  return sh("count", script);
}

function create(...steps: object[]): Promise<string> {
  return rig.create({ plan: { steps } }, "?mode=k8s");
}

async function checkpoints(id: string): Promise<unknown[]> {
  const { body } = await rig.get(`/runs/${id}/checkpoints?limit=500`);
  return (body["checkpoints"] as { data: unknown }[]).map(({ data }) => data);
}

/** Lines of its steps, without what orco says about them. */
async function printed(id: string): Promise<string[]> {
  const { text } = await rig.get(`/runs/${id}/logs`);
  const lines = text.split("\n").filter(Boolean);
  return lines
    .map((line) => JSON.parse(line) as { source: string; message: string })
    .flatMap((line) => (line.source === "orco" ? [] : [line.message]));
}

function hasSaid(id: string, count: number): Promise<unknown> {
  return until(`${count} checkpoints`, async () => (await checkpoints(id)).length >= count, WAIT_MS);
}

function ended(id: string) {
  return rig.runWhen(id, ({ endedAt }) => endedAt !== undefined, WAIT_MS);
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

describe.skipIf(why !== undefined)("the daemon on a real Kubernetes", () => {
  beforeAll(async () => {
    at.cluster = await RealCluster.start(folder);
    await rig.up();
    await rig.get("/version");
    for (const plan of PLANS) {
      const both = Promise.all([outcomeOf(site, "local", plan), outcomeOf(site, "k8s", plan)]);
      both.catch(() => undefined); // told by the test that waits for it
      outcomes.set(plan.name, both);
    }
  }, 180_000);
  afterAll(async () => {
    await rig.close();
    await at.cluster?.[Symbol.asyncDispose]();
    await server.stop(true);
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test.each(PLANS)(
    "plan $name gives the same as on this machine",
    async (plan) => {
      const [here, there] = (await outcomes.get(plan.name)) ?? [];
      if (!here || !there) throw new Error("not carried out");
      expect(endsOf(there)).toEqual(plan.steps);
      expect(there).toEqual(here);
    },
    WAIT_MS,
  );

  test(
    "what a step prints is in the run's log, while it runs and after",
    async () => {
      const id = await create(counting(8, 0.5));
      await hasSaid(id, 2);
      expect((await printed(id)).slice(0, 1)).toEqual(["line 1"]);
      expect((await ended(id)).status).toBe("completed");
      expect(await printed(id)).toEqual(upTo(8).map((n) => `line ${n}`));
    },
    WAIT_MS,
  );

  test(
    "DELETE lets a step clean up, and leaves nothing in the cluster",
    async () => {
      const script = `trap 'sleep 1; echo "{\\"type\\":\\"checkpoint\\",\\"data\\":\\"last\\"}"; exit 0' TERM; echo '{"type":"checkpoint","data":"up"}'; while :; do sleep 0.1; done`;
      const id = await create(sh("a", script, { grace_ms: 20_000 }), sh("b", "true", { needs: ["a"], when: "always" }));
      await hasSaid(id, 1);
      expect(await rig.delete(`/runs/${id}`)).toMatchObject({ status: 200, body: { ok: true, status: "canceled" } });
      expect((await rig.run(id)).steps.map(({ status }) => status)).toEqual(["canceled", "canceled"]);
      expect(await checkpoints(id)).toEqual(["up", "last"]);
      const left = (): Promise<string> => cluster().kubectl("get", "job,pod,secret", "-l", `orco.dev/run=${id}`, "-o", "name");
      await until("nothing is left of it", async () => (await left()) === "", WAIT_MS);
      expect((await rig.delete(`/runs/${id}`)).status).toBe(200);
    },
    WAIT_MS,
  );

  test(
    "a daemon that is killed again and again finds its Job: every checkpoint once, one execution",
    async () => {
      const id = await create(counting(30, 0.2), sh("after", "echo end", { needs: ["count"] }));
      for (const count of [3, 10, 20]) {
        await hasSaid(id, count);
        await rig.again();
      }
      const run = await ended(id);
      expect([run.status, run.steps.map(({ attempt }) => attempt)]).toEqual(["completed", [1, 1]]);
      expect(await checkpoints(id)).toEqual(upTo(30));
      expect(await printed(id)).toEqual([...upTo(30).map((n) => `line ${n}`), "end"]);
    },
    WAIT_MS,
  );

  test(
    "a step that ends while no daemon is there is found to have ended",
    async () => {
      const id = await create(counting(5, 0.5));
      await hasSaid(id, 1);
      await rig.killDaemon();
      const pods = (): Promise<string> =>
        cluster().kubectl("get", "pod", "-l", `orco.dev/run=${id}`, "-o", "jsonpath={.items[*].status.phase}");
      await until("its pod has ended", async () => (await pods()) === "Succeeded", WAIT_MS);
      await rig.up();
      const run = await ended(id);
      expect([run.status, run.steps[0]?.attempt, await checkpoints(id)]).toEqual(["completed", 1, upTo(5)]);
    },
    WAIT_MS,
  );

  test(
    "while the API server is away new runs are refused at once, accepted ones wait, and all of them end when it is back",
    async () => {
      const running = await create(counting(30, 0.3));
      await hasSaid(running, 2);
      const accepted = await create(sh("a", "true"), counting(1, 0), sh("b", "sleep 2", { needs: ["a"] }));
      await rig.stepWhen(accepted, "b", "running");
      await cluster().apiServer("api-down");
      const more = await acceptedUntilRefused();
      expect((await rig.create({ plan: { steps: [sh("a", "true")] } })).length).toBe(36);
      await cluster().apiServer("api-up");
      for (const id of [running, accepted, ...more]) expect((await ended(id)).status).toBe("completed");
      expect(await checkpoints(running)).toEqual(upTo(30));
      expect((await ended(await create(sh("a", "true")))).status).toBe("completed");
    },
    WAIT_MS,
  );

  test(
    "a daemon that starts while the API server is away adopts what runs once that is back",
    async () => {
      const id = await create(counting(20, 0.3));
      await hasSaid(id, 3);
      await cluster().apiServer("api-down");
      await rig.again();
      expect((await rig.run(id)).status).toBe("running");
      await cluster().apiServer("api-up");
      const run = await ended(id);
      expect([run.status, run.steps[0]?.attempt, await checkpoints(id)]).toEqual(["completed", 1, upTo(20)]);
    },
    WAIT_MS,
  );

  test(
    "an evicted pod is executed again from its last checkpoint, and spends no retry",
    async () => {
      const id = await create(counting(12, 0.5));
      await hasSaid(id, 3);
      await evict(id);
      const run = await ended(id);
      expect([run.status, run.steps[0]?.attempt, await checkpoints(id)]).toEqual(["completed", 2, upTo(12)]);
    },
    WAIT_MS,
  );
});

/** New runs are refused as soon as the daemon can know; those before that are accepted, and wait. */
async function acceptedUntilRefused(): Promise<string[]> {
  const accepted: string[] = [];
  const began = performance.now();
  for (;;) {
    const asked = performance.now();
    const { status, body, headers } = await rig.post("/runs?mode=k8s", { plan: { steps: [sh("a", "true")] } });
    expect(performance.now() - asked).toBeLessThan(AT_ONCE_MS);
    if (status === 201) accepted.push(String(body["runId"]));
    else expect([status, body["code"], Number(headers.get("retry-after")) > 0]).toEqual([503, "unavailable", true]);
    if (status === 503) return accepted;
    expect(performance.now() - began).toBeLessThan(NOTICED_MS);
  }
}

async function evict(id: string): Promise<void> {
  const pod = await cluster().kubectl("get", "pod", "-l", `orco.dev/run=${id}`, "-o", "jsonpath={.items[0].metadata.name}");
  const eviction = join(folder, "eviction.json");
  await Bun.write(
    eviction,
    JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod.trim(), namespace: "default" } }),
  );
  await cluster().kubectl("create", "--raw", `/api/v1/namespaces/default/pods/${pod.trim()}/eviction`, "-f", eviction);
}
