import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { StepEnd } from "../ports.ts";
import { judge, type Memory } from "./judge.ts";
import { jobFacts, podFacts, type KubeObject } from "./objects.ts";
import { Shelf } from "./shelf.ts";
import { applyWatchEvent, type Kind, type WatchEvent } from "./watch-event.ts";
import type { JobFacts, PodFacts } from "./objects.ts";

const JOB = "orco-run-1-d1";
const JOBS: Kind<JobFacts> = { path: "jobs", facts: jobFacts, jobOf: ({ name }) => name };
const PODS: Kind<PodFacts> = { path: "pods", facts: podFacts, jobOf: ({ job }) => job };

/** One moment of the cluster: what it has, by kind. */
interface Moment {
  readonly job: KubeObject | undefined;
  readonly pod: KubeObject | undefined;
}

function job(conditions: readonly { type: string; status: string }[] = []): KubeObject {
  return { metadata: { name: JOB, uid: "j" }, spec: { suspend: false }, status: { conditions } };
}

function pod(phase: string, state: object = {}, more: { metadata?: object; status?: object } = {}): KubeObject {
  return {
    metadata: { name: `${JOB}-x`, uid: "p", labels: { "batch.kubernetes.io/job-name": JOB }, ...more.metadata },
    status: { phase, containerStatuses: [{ name: "step", state }], ...more.status },
  };
}

const COMPLETE = [{ type: "Complete", status: "True" }];
const failedBy = (reason: string) => [{ type: "Failed", status: "True", reason, message: reason }];
const exited = (exitCode: number, reason = "Error", finishedAt = "2026-01-01T00:00:05Z"): object => ({
  terminated: { exitCode, reason, finishedAt },
});
const NOT_FOUND =
  'OCI runtime create failed: runc create failed: unable to start container process: exec: "make": executable file not found in $PATH';
const DISRUPTED = { conditions: [{ type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", message: "drained" }] };
const DELETED = { deletionTimestamp: "2026-01-01T00:00:10Z", deletionGracePeriodSeconds: 5 };

const START: Moment[] = [
  { job: job(), pod: undefined },
  { job: job(), pod: pod("Pending", { waiting: { reason: "ContainerCreating" } }) },
  { job: job(), pod: pod("Running", { running: {} }) },
];

/** What may become of a Job, and how the step ends then. */
const HISTORIES: readonly { readonly name: string; readonly moments: Moment[]; readonly end: Partial<StepEnd> & object }[] = [
  {
    name: "completes",
    moments: [...START, { job: job(), pod: pod("Succeeded", exited(0)) }, { job: job(COMPLETE), pod: pod("Succeeded", exited(0)) }],
    end: { kind: "completed" },
  },
  {
    name: "completes, and its pod is collected",
    moments: [...START, { job: job(), pod: pod("Succeeded", exited(0)) }, { job: job(COMPLETE), pod: undefined }],
    end: { kind: "completed" },
  },
  {
    name: "exits with 3",
    moments: [
      ...START,
      { job: job(), pod: pod("Failed", exited(3)) },
      { job: job(failedBy("BackoffLimitExceeded")), pod: pod("Failed", exited(3)) },
    ],
    end: { kind: "failed", error: { code: "step_failed", message: "exit 3", facts: { exit: 3 } } },
  },
  {
    name: "exits with 3, and its pod is deleted after that",
    moments: [
      ...START,
      { job: job(), pod: pod("Failed", exited(3, "Error", "2026-01-01T00:00:01Z")) },
      { job: job(failedBy("BackoffLimitExceeded")), pod: pod("Failed", exited(3, "Error", "2026-01-01T00:00:01Z"), { metadata: DELETED }) },
    ],
    end: { kind: "failed", error: { code: "step_failed", message: "exit 3", facts: { exit: 3 } } },
  },
  {
    name: "has no such program",
    moments: [...START, { job: job(), pod: pod("Failed", { terminated: { exitCode: 128, reason: "StartError", message: NOT_FOUND } }) }],
    end: {
      kind: "failed",
      error: { code: "executable_not_found", message: `its container could not be started: ${NOT_FOUND}`, facts: { exit: 128 } },
    },
  },
  {
    name: "uses too much memory",
    moments: [
      ...START,
      { job: job(), pod: pod("Failed", exited(137, "OOMKilled")) },
      { job: job(failedBy("BackoffLimitExceeded")), pod: pod("Failed", exited(137, "OOMKilled")) },
    ],
    end: {
      kind: "failed",
      error: { code: "step_failed", message: "killed because it used too much memory (OOMKilled)", facts: { exit: 137, oom: true } },
    },
  },
  {
    name: "takes too long",
    moments: [
      ...START,
      { job: job(), pod: pod("Running", { running: {} }, { metadata: DELETED }) },
      { job: job(), pod: pod("Failed", exited(143), { metadata: DELETED }) },
      { job: job(failedBy("DeadlineExceeded")), pod: pod("Failed", exited(143), { metadata: DELETED }) },
    ],
    end: { kind: "failed", error: { code: "timeout", message: "its time was up, and it was stopped: DeadlineExceeded" } },
  },
  {
    name: "is evicted",
    moments: [
      ...START,
      { job: job(), pod: pod("Running", { running: {} }, { metadata: DELETED, status: DISRUPTED }) },
      { job: job(), pod: pod("Failed", exited(143), { metadata: DELETED, status: DISRUPTED }) },
      { job: job(failedBy("PodFailurePolicy")), pod: pod("Failed", exited(143), { metadata: DELETED, status: DISRUPTED }) },
    ],
    end: { kind: "lost", message: "its pod was taken away: drained" },
  },
  {
    name: "is deleted by hand",
    moments: [
      ...START,
      { job: job(), pod: pod("Failed", exited(143), { metadata: DELETED }) },
      { job: job(failedBy("BackoffLimitExceeded")), pod: pod("Failed", exited(143), { metadata: DELETED }) },
    ],
    end: { kind: "lost", message: "its pod was taken away: it was deleted" },
  },
];

/** Deliveries of one history to one who watches: which events arrive, lists in between, and who looks when. */
class Watcher {
  readonly jobs = new Shelf<JobFacts>(JOBS.jobOf);
  readonly pods = new Shelf<PodFacts>(PODS.jobOf);
  readonly ends: StepEnd[] = [];
  private memory: Memory = {};
  private now = 0;

  event(kind: "job" | "pod", { before, now }: { before: Moment | undefined; now: Moment }): void {
    const object = now[kind] ?? before?.[kind];
    if (!object) return;
    const event: WatchEvent = { type: now[kind] ? "MODIFIED" : "DELETED", object };
    if (kind === "job") applyWatchEvent(event, this.jobs, JOBS);
    else applyWatchEvent(event, this.pods, PODS);
  }

  list(kind: "job" | "pod", now: Moment): void {
    const objects = now[kind] ? [now[kind]] : [];
    if (kind === "job") this.jobs.replace(objects.map(jobFacts), this.now);
    else this.pods.replace(objects.map(podFacts), this.now);
  }

  look(now: Moment): void {
    if (this.ends.length > 0) return;
    this.now += 10;
    const [found] = this.jobs.of(JOB);
    const gone = found === undefined && now.job === undefined;
    const seen = { job: found, gone, now: this.now, begun: 0 };
    let verdict = judge({ ...seen, pods: this.pods.of(JOB), confirmed: false }, this.memory);
    if (verdict.confirm) verdict = judge({ ...seen, pods: now.pod ? [podFacts(now.pod)] : [], confirmed: true }, this.memory);
    this.memory = verdict.memory;
    if (verdict.end) this.ends.push(verdict.end);
  }
}

const delivery = fc.record({
  job: fc.boolean(),
  pod: fc.boolean(),
  podFirst: fc.boolean(),
  relist: fc.constantFrom("none", "job", "pod", "both"),
  look: fc.constantFrom("never", "between", "after"),
});

describe("whatever is missed of a history, a relist leads to the same end, once", () => {
  for (const { name, moments, end } of HISTORIES) {
    test(name, () => {
      fc.assert(
        fc.property(fc.array(delivery, { minLength: moments.length, maxLength: moments.length }), (deliveries) => {
          const watcher = new Watcher();
          moments.forEach((now, index) => {
            const how = deliveries[index];
            if (!how) return;
            const moment = { before: moments[index - 1], now };
            for (const kind of how.podFirst ? (["pod", "job"] as const) : (["job", "pod"] as const)) {
              if (how[kind]) watcher.event(kind, moment);
              if (how.relist === kind || how.relist === "both") watcher.list(kind, now);
              if (how.look === "between") watcher.look(now);
            }
            if (how.look === "after") watcher.look(now);
          });
          const last = moments.at(-1) ?? { job: undefined, pod: undefined };
          for (const kind of ["job", "pod"] as const) watcher.list(kind, last);
          for (let again = 0; again < 3; again++) watcher.look(last);
          expect(watcher.ends).toEqual([end as StepEnd]);
        }),
        { numRuns: 300 },
      );
    });
  }
});

describe("patience", () => {
  const seen = (object: KubeObject, now: number) => ({
    job: jobFacts(job()),
    pods: [podFacts(object)],
    gone: false,
    confirmed: false,
    now,
    begun: 0,
  });
  const waiting = (reason: string): KubeObject => pod("Pending", { waiting: { reason, message: "no such image" } });

  test("with an image lasts two minutes, whatever Kubernetes calls it in between, and people hear of it once", () => {
    let memory: Memory = {};
    const said: string[] = [];
    for (const [now, reason] of [
      [0, "ErrImagePull"],
      [15_000, "ImagePullBackOff"],
      [119_000, "ErrImagePull"],
    ] as const) {
      const verdict = judge(seen(waiting(reason), now), memory);
      expect(verdict.end).toBeUndefined();
      if (verdict.say !== undefined) said.push(verdict.say);
      memory = verdict.memory;
    }
    expect(said).toEqual(["its image cannot be pulled: ErrImagePull: no such image"]);
    expect(judge(seen(waiting("ImagePullBackOff"), 120_000), memory)).toMatchObject({ end: { kind: "failed" }, remove: true });
  });

  test("begins anew when the pod got on in between", () => {
    const first = judge(seen(waiting("ErrImagePull"), 0), {});
    const between = judge(seen(pod("Running", { running: {} }), 60_000), first.memory);
    expect(judge(seen(waiting("ErrImagePull"), 130_000), between.memory).end).toBeUndefined();
  });

  test("with a node that does not come is left to the step's own timeout", () => {
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes are available" }];
    const verdict = judge(seen(pod("Pending", {}, { status: { conditions } }), 9e9), { trouble: { key: "unschedulable", since: 0 } });
    expect(verdict.end).toBeUndefined();
    expect(judge(seen(pod("Pending", {}, { status: { conditions } }), 0), {}).say).toBe("no node takes its pod: 0/3 nodes are available");
  });

  test("with a pod on a lost node lasts a minute", () => {
    const leaving = pod("Running", { running: {} }, { metadata: DELETED, status: DISRUPTED });
    const first = judge(seen(leaving, 1000), {});
    expect(first.end).toBeUndefined();
    expect(judge(seen(leaving, 61_000), first.memory)).toMatchObject({ end: { kind: "lost" }, remove: true });
  });

  test("with a Job that gets no pod asks why", () => {
    const nothing = { ...seen(pod("Pending"), 0), pods: [] };
    expect(judge(nothing, {}).ask).toBeUndefined();
    expect(judge({ ...nothing, now: 5000 }, {}).ask).toBe("j");
  });
});
