import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endsOf, outcomeOf, type Outcome, PLANS, type Site, testServer } from "../scenarios/executors.ts";
import { RunsRig } from "../scenarios/runs-rig.ts";
import { CHECKS, counting, KubeRuns, type KubeWorld, upTo } from "./daemon-suite.ts";
import { missing, RealCluster } from "./cluster.ts";

/** The daemon with a real Kubernetes, as a user has it: everything goes through its API. */
const WAIT_MS = 90_000;
const why = missing();
if (why !== undefined) console.log(`skipped: the daemon on a real Kubernetes, because ${why}`);

const folder = mkdtempSync(join(tmpdir(), "orco-kube-daemon-"));
const rig = new RunsRig({ RATE_LIMIT_MAX: "0", KUBECONFIG: join(folder, "kubeconfig"), ORCO_K8S_IMAGE: "busybox:local" });
const server = testServer();
const site: Site = { rig, server: server.url.origin, timeoutMs: WAIT_MS };
const world: KubeWorld = {
  rig,
  waitMs: WAIT_MS,
  apiServer: (what) => cluster().apiServer(what),
  hasLeft: async (run) => (await cluster().kubectl("get", "job,pod,secret", "-l", `orco.dev/run=${run}`, "-o", "name")) !== "",
  hasSucceeded: async (run) =>
    (await cluster().kubectl("get", "pod", "-l", `orco.dev/run=${run}`, "-o", "jsonpath={.items[*].status.phase}")) === "Succeeded",
};
const runs = new KubeRuns(world);
const at: { cluster?: RealCluster } = {};
/** By plan: here and in the cluster. All at once, since most of their time is waiting for pods. */
const outcomes = new Map<string, Promise<[Outcome, Outcome]>>();

function cluster(): RealCluster {
  if (!at.cluster) throw new Error("not started");
  return at.cluster;
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
  }, 800_000);
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

  for (const [title, check] of CHECKS) test(title, () => check(runs), WAIT_MS);

  test(
    "an evicted pod is executed again from its last checkpoint, and spends no retry",
    async () => {
      const id = await runs.create(counting(12, 0.5));
      await runs.hasSaid(id, 3);
      await evict(id);
      const run = await runs.ended(id);
      expect([run.status, run.steps[0]?.attempt, await runs.checkpoints(id)]).toEqual(["completed", 2, upTo(12)]);
    },
    WAIT_MS,
  );
});

async function evict(id: string): Promise<void> {
  const pod = await cluster().kubectl("get", "pod", "-l", `orco.dev/run=${id}`, "-o", "jsonpath={.items[0].metadata.name}");
  const eviction = join(folder, "eviction.json");
  await Bun.write(
    eviction,
    JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod.trim(), namespace: "default" } }),
  );
  await cluster().kubectl("create", "--raw", `/api/v1/namespaces/default/pods/${pod.trim()}/eviction`, "-f", eviction);
}
