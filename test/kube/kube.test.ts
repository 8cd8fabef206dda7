import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { homeId } from "../../src/runs/home-id.ts";
import { jobName } from "../../src/runs/k8s/names.ts";
import { execution, Heard, KubeRig, step } from "../../src/runs/k8s/rig.fake.ts";
import type { PlanStep } from "../../src/runs/plan.ts";
import type { StepExecution, StepHandle } from "../../src/runs/ports.ts";
import { until } from "../until.ts";
import { missing, RealCluster } from "./cluster.ts";

const WAIT_MS = 60_000;
const why = missing();
if (why !== undefined) console.log(`skipped: the tests against a real Kubernetes, because ${why}`);

const folder = mkdtempSync(join(tmpdir(), "orco-kube-"));
const at: { cluster?: RealCluster; rig?: KubeRig } = {};

function cluster(): RealCluster {
  if (!at.cluster) throw new Error("not started");
  return at.cluster;
}

function rig(): KubeRig {
  if (!at.rig) throw new Error("not started");
  return at.rig;
}

function shell(script: string, more: Partial<PlanStep> = {}): PlanStep {
  return step(["sh", "-c", script], more);
}

function nameOf(what: StepExecution): string {
  return jobName(what, homeId(rig().home)).name;
}

async function started(spec: PlanStep): Promise<{ what: StepExecution; heard: Heard; handle: StepHandle }> {
  const [what, heard] = [execution(spec), new Heard()];
  return { what, heard, handle: await rig().runner().start(what, heard) };
}

describe.skipIf(why !== undefined)("on a real Kubernetes", () => {
  beforeAll(async () => {
    at.cluster = await RealCluster.start(folder);
    at.rig = new KubeRig(at.cluster.kubeconfig, "busybox:local");
  }, 800_000);
  afterAll(async () => {
    await at.rig?.[Symbol.asyncDispose]();
    await at.cluster?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  test("a step runs as nobody, with its input, its token and nothing else", async () => {
    const script =
      'id -u; cat $ORCO_INPUT; echo; echo $ORCO_RUN_TOKEN; touch /x 2>&1 || true; touch /tmp/x && echo wrote; ls /var/run/secrets 2>&1; echo "$DOLLAR"';
    const { heard, handle } = await started(shell(script, { env: { DOLLAR: "$(ORCO_RUN_ID)" } }));
    expect(await handle.ended).toEqual({ kind: "completed" });
    expect(heard.lines).toEqual([
      "65532",
      '{"who":"world"}',
      "[redacted]",
      "touch: /x: Read-only file system",
      "wrote",
      "ls: /var/run/secrets: No such file or directory",
      "$(ORCO_RUN_ID)",
    ]);
  });

  test("what it says is followed while it runs, and its messages are recorded once", async () => {
    const script = `for i in 1 2 3; do echo "line $i"; echo '{"type":"checkpoint","data":'$i'}'; sleep 1; done; echo '{"type":"output","data":{"n":3}}'`;
    const { heard, handle } = await started(shell(script));
    let hasEnded = false;
    void handle.ended.then(() => (hasEnded = true));
    await until("the first checkpoint", () => heard.checkpoints.length > 0, WAIT_MS);
    expect(hasEnded).toBe(false);
    expect(await handle.ended).toEqual({ kind: "completed" });
    expect(heard.checkpoints.map(({ data }) => data)).toEqual([1, 2, 3]);
    expect(heard.outputs).toEqual([{ n: 3 }]);
    expect(heard.lines).toEqual(["line 1", "line 2", "line 3"]);
  });

  test("a checkpoint of 700 kB arrives whole, and is given back in ORCO_RESUME", async () => {
    const big = shell(`printf '{"type":"checkpoint","data":"'; head -c 700000 /dev/zero | tr '\\0' x; echo '"}'`);
    const { heard, handle } = await started(big);
    expect(await handle.ended).toEqual({ kind: "completed" });
    const data = heard.checkpoints[0]?.data;
    expect(data).toBe("x".repeat(700_000));
    const again = new Heard();
    const resumed = execution(shell("wc -c < $ORCO_RESUME"), { attempt: 2, resume: data ?? null });
    expect(await (await rig().runner().start(resumed, again)).ended).toEqual({ kind: "completed" });
    expect(again.lines).toEqual(["700002"]);
  });

  test("an exit code is told with the last words", async () => {
    const { handle } = await started(shell("echo no disk >&2; exit 3"));
    expect(await handle.ended).toEqual({ kind: "failed", error: { code: "step_failed", message: "exit 3: no disk", facts: { exit: 3 } } });
  });

  test("a program that is not there has not started", async () => {
    const { handle } = await started(step(["/nowhere"]));
    expect(await handle.ended).toMatchObject({
      kind: "failed",
      error: { code: "executable_not_found", message: expect.stringContaining("/nowhere") },
    });
  });

  test("an image without a valid name fails for good; one that cannot be pulled is told about and waited for", async () => {
    const invalid = await started(shell("true", { image: "NOT//valid" }));
    expect(await invalid.handle.ended).toMatchObject({ kind: "failed", final: true, error: { code: "start_failed" } });
    const absent = await started(shell("true", { image: "127.0.0.1:9/absent:1" }));
    await until("it is told", () => absent.heard.said.some((text) => text.startsWith("its image cannot be pulled")), WAIT_MS);
    absent.handle.stop("cancel", 0);
    expect(await absent.handle.ended).toEqual({ kind: "canceled" });
  });

  test("a step that is stopped gets SIGTERM, and is canceled when its pod is gone", async () => {
    const script = `trap 'echo "{\\"type\\":\\"checkpoint\\",\\"data\\":\\"last\\"}"; exit 0' TERM; echo up; while :; do sleep 0.2; done`;
    const { what, heard, handle } = await started(shell(script, { grace_ms: 10_000 }));
    await until("it is up", () => heard.lines.includes("up"), WAIT_MS);
    handle.stop("cancel", 10_000);
    expect(await handle.ended).toEqual({ kind: "canceled" });
    expect(heard.checkpoints.map(({ data }) => data)).toEqual(["last"]);
    const left = (): Promise<string> => cluster().kubectl("get", "job,pod,secret", "-l", `orco.dev/run=${what.run}`, "-o", "name");
    await until("nothing is left of it", async () => (await left()) === "", WAIT_MS);
  });

  test("a step that ignores SIGTERM is hurried by a shorter grace", async () => {
    const { heard, handle } = await started(shell("trap '' TERM; echo up; while :; do sleep 0.2; done", { grace_ms: 120_000 }));
    await until("it is up", () => heard.lines.includes("up"), WAIT_MS);
    handle.stop("cancel", 120_000);
    handle.stop("cancel", 0);
    const began = performance.now();
    expect(await handle.ended).toEqual({ kind: "canceled" });
    expect(performance.now() - began).toBeLessThan(30_000);
  });

  test("a deadline and a memory limit are told by their names", async () => {
    const late = await started(shell("sleep 100", { timeout_ms: 2000, grace_ms: 0 }));
    const greedy = await started(
      shell("exec dd if=/dev/zero of=/dev/null bs=100M count=3", { resources: { memory_bytes: 32 * 1024 * 1024 } }),
    );
    expect(await late.handle.ended).toMatchObject({ kind: "failed", error: { code: "timeout" } });
    expect(await greedy.handle.ended).toMatchObject({ kind: "failed", error: { code: "step_failed", facts: { oom: true } } });
  });

  test("a pod that is evicted is lost; so is a Job that somebody deletes", async () => {
    const evicted = await started(shell("echo up; sleep 100"));
    const removed = await started(shell("echo up; sleep 100"));
    await until("both are up", () => evicted.heard.lines.length > 0 && removed.heard.lines.length > 0, WAIT_MS);
    const pod = (
      await cluster().kubectl("get", "pod", "-l", `orco.dev/run=${evicted.what.run}`, "-o", "jsonpath={.items[0].metadata.name}")
    ).trim();
    const eviction = join(folder, "eviction.json");
    await Bun.write(eviction, JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace: "default" } }));
    await cluster().kubectl("create", "--raw", `/api/v1/namespaces/default/pods/${pod}/eviction`, "-f", eviction);
    await cluster().kubectl("delete", "job", nameOf(removed.what));
    expect(await evicted.handle.ended).toMatchObject({ kind: "lost" });
    expect(await removed.handle.ended).toMatchObject({ kind: "lost" });
  });

  test("a quota that allows no pod is told, and waited for", async () => {
    await cluster().kubectl("create", "quota", "none", "--hard=pods=0");
    const { heard, handle } = await started(shell("true"));
    try {
      await until("it is told", () => heard.said.some((text) => text.includes("exceeded quota")), WAIT_MS);
    } finally {
      await cluster().kubectl("delete", "quota", "none");
    }
    handle.stop("cancel", 0);
    expect(await handle.ended).toEqual({ kind: "canceled" });
  });

  test("the next daemon adopts what runs: every checkpoint once", async () => {
    const script = `i=0; while [ $i -lt 12 ]; do i=$((i+1)); echo '{"type":"checkpoint","data":'$i'}'; sleep 0.5; done`;
    const what = execution(shell(script));
    const heard = new Heard();
    let daemon = rig().runner();
    await daemon.start(what, heard);
    for (const n of [2, 5, 8]) {
      await until(`checkpoint ${n}`, () => heard.checkpoints.length >= n, WAIT_MS);
      daemon.close();
      daemon = rig().runner();
      void daemon.adopt({ ...what, consumed: heard.checkpoints.at(-1)?.consumed ?? 0 }, heard);
    }
    daemon.close();
    const last = await rig()
      .runner()
      .adopt({ ...what, consumed: heard.checkpoints.at(-1)?.consumed ?? 0 }, heard);
    expect(await last?.ended).toEqual({ kind: "completed" });
    expect(heard.checkpoints.map(({ data }) => data)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  test("an API server that goes and comes back loses nothing, and new runs are answered at once meanwhile", async () => {
    const running = await started(
      shell(`i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo '{"type":"checkpoint","data":'$i'}'; sleep 0.3; done`),
    );
    await until("it runs", () => running.heard.checkpoints.length > 1, WAIT_MS);
    await cluster().apiServer("api-down");
    const runner = rig().runner();
    const began = performance.now();
    const refusal = await runner.assertAvailable().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "unavailable" });
    expect(performance.now() - began).toBeLessThan(2500);
    const accepted = await started(shell("echo waited"));
    await until("it is told", () => accepted.heard.said.length > 0, WAIT_MS);
    await cluster().apiServer("api-up");
    expect(await running.handle.ended).toEqual({ kind: "completed" });
    expect(running.heard.checkpoints.map(({ data }) => data)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
    expect(await accepted.handle.ended).toEqual({ kind: "completed" });
    expect(accepted.heard.lines).toEqual(["waited"]);
  });

  test("twenty steps at once, each with its own log", async () => {
    const runner = rig().runner();
    const ends = Array.from({ length: 20 }, async (_, index) => {
      const heard = new Heard();
      const handle = await runner.start(execution(shell(`echo ${index}`)), heard);
      return { end: await handle.ended, lines: heard.lines };
    });
    expect(await Promise.all(ends)).toEqual(ends.map((_, index) => ({ end: { kind: "completed" }, lines: [String(index)] })));
  });

  test("a run that has ended leaves no token", async () => {
    const { what, handle } = await started(shell("true"));
    await handle.ended;
    await rig().runner().forget(what.run);
    expect(await cluster().kubectl("get", "secret", "-l", `orco.dev/run=${what.run}`, "-o", "name")).toBe("");
    expect(await cluster().kubectl("get", "job", "-l", `orco.dev/run=${what.run}`, "-o", "name")).toContain(nameOf(what));
  });
});
