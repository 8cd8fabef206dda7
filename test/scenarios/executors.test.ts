import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeApi } from "../../src/runs/k8s/rig.fake.ts";
import { HAS_REDIS, RedisServer } from "../redis-server.ts";
import { ExecutorsRig } from "./executors-rig.ts";
import { endsOf, outcomeOf, type Outcome, PLANS, type Site, testServer } from "./executors.ts";

const TIMEOUT_MS = 60_000;

const server = testServer();
const redis = HAS_REDIS ? await RedisServer.start() : undefined;
const folder = mkdtempSync(join(tmpdir(), "orco-executors-"));
/** The verbs of a Kubernetes with processes for pods; `test/kube/daemon.test.ts` has a real one. */
const kube = await FakeApi.start(0, { processes: true });
const rig = new ExecutorsRig({ KUBECONFIG: kube.kubeconfig(folder), ...(redis && { REDIS_URL: redis.url }) });
const site: Site = { rig, server: server.url.origin, timeoutMs: TIMEOUT_MS };
const local = new Map<string, Promise<Outcome>>();

beforeAll(async () => {
  await rig.up();
  if (redis) await rig.startWorker();
});
afterAll(async () => {
  await kube[Symbol.asyncDispose]();
  await rig.close();
  rmSync(folder, { recursive: true });
  await redis?.[Symbol.asyncDispose]();
  await server.stop(true);
});

/** Carried out once for all comparisons. */
function locally(name: string): Promise<Outcome> {
  const plan = PLANS.find((one) => one.name === name);
  if (!plan) throw new Error(`no plan ${name}`);
  const outcome = local.get(name) ?? outcomeOf(site, "local", plan);
  local.set(name, outcome);
  return outcome;
}

describe.each(PLANS)("plan $name", (plan) => {
  test(
    "local",
    async () => {
      const outcome = await locally(plan.name);
      expect(outcome.status).toBe(plan.ends);
      expect(endsOf(outcome)).toEqual(plan.steps);
    },
    TIMEOUT_MS,
  );

  test.skipIf(!redis)(
    "redis as local",
    async () => {
      expect(await outcomeOf(site, "redis", plan)).toEqual(await locally(plan.name));
    },
    TIMEOUT_MS,
  );

  test(
    "k8s as local",
    async () => {
      expect(await outcomeOf(site, "k8s", plan)).toEqual(await locally(plan.name));
    },
    TIMEOUT_MS,
  );
});
