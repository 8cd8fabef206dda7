import { afterAll, beforeAll, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeApi } from "../../src/runs/k8s/rig.fake.ts";
import { CHECKS, KubeRuns } from "../kube/daemon-suite.ts";
import { RunsRig } from "./runs-rig.ts";

/** The daemon with a small API server whose pods are processes: what `test/kube/daemon.test.ts` checks on a real Kubernetes. */
const WAIT_MS = 30_000;
const FOR_EVER = 1e9;

const folder = mkdtempSync(join(tmpdir(), "orco-executors-k8s-"));
const kube = await FakeApi.start(0, { processes: true });
const rig = new RunsRig({ RATE_LIMIT_MAX: "0", KUBECONFIG: kube.kubeconfig(folder) });
const runs = new KubeRuns({ rig, waitMs: WAIT_MS, apiServer, hasLeft, hasSucceeded });

interface Listed {
  readonly items: readonly { readonly status?: { readonly phase?: string } }[];
}

async function list(kind: string, run: string): Promise<Listed["items"]> {
  const response = await fetch(`http://127.0.0.1:${kube.port}/api/v1/namespaces/default/${kind}?labelSelector=orco.dev/run=${run}`);
  return ((await response.json()) as Listed).items;
}

async function hasLeft(run: string): Promise<boolean> {
  const found = await Promise.all(["jobs", "pods", "secrets"].map((kind) => list(kind, run)));
  return found.flat().length > 0;
}

async function hasSucceeded(run: string): Promise<boolean> {
  return (await list("pods", run)).at(-1)?.status?.phase === "Succeeded";
}

async function apiServer(what: "api-down" | "api-up"): Promise<void> {
  if (what === "api-up") return kube.tell("heal");
  await kube.tell("fault", { match: "/namespaces/", status: 503, times: FOR_EVER });
  for (const stream of ["watch", "log"]) await kube.tell("cut", { what: stream });
}

beforeAll(() => rig.up());
afterAll(async () => {
  await kube[Symbol.asyncDispose]();
  await rig.close();
  rmSync(folder, { recursive: true });
});

for (const [title, check] of CHECKS) test(title, () => check(runs), 3 * WAIT_MS);
