import type { PodSpec, Processes, Terminated } from "./processes.ts";
import { type Store, type Stored } from "./store.ts";

const MS = 1000;

/** What a pod printed, and who listens. */
export class PodLog {
  readonly lines: string[] = [];
  closed = false;
  private readonly listeners = new Set<() => void>();
  private last = 0;

  say(text: string): void {
    this.last = Math.max(this.last + 1, Math.floor((performance.timeOrigin + performance.now()) * 1000));
    this.lines.push(`${stamp(this.last)} ${text}`);
    for (const fn of this.listeners) fn();
  }

  close(): void {
    this.closed = true;
    for (const fn of this.listeners) fn();
  }

  listen(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }
}

/** Job controller, scheduler and kubelet in a nutshell. */
export class Kubelet {
  readonly logs = new Map<string, PodLog>();
  private readonly overdue = new Set<string>();

  constructor(
    private readonly store: Store,
    /** Commands are carried out where there are any, instead of understood. */
    private readonly processes?: Processes,
  ) {
    store.listen(({ kind, type, object }) => {
      if (kind === "jobs" && type !== "DELETED" && object.spec?.["suspend"] === false) this.ensurePod(object);
      if (kind === "jobs" && type === "DELETED") this.collect(object);
      if (kind === "pods" && type === "MODIFIED") this.count(object);
    });
  }

  log(pod: string): PodLog {
    let log = this.logs.get(pod);
    if (!log) this.logs.set(pod, (log = new PodLog()));
    return log;
  }

  end(pod: Stored, exit: number, terminated: Record<string, unknown> = {}): void {
    const state = {
      terminated: { exitCode: exit, reason: exit === 0 ? "Completed" : "Error", finishedAt: new Date().toISOString(), ...terminated },
    };
    this.log(pod.metadata.name).close();
    this.store.patch(pod, { status: { phase: exit === 0 ? "Succeeded" : "Failed", containerStatuses: [{ name: "step", state }] } });
  }

  /** Asked to go: a hanging container ends by SIGTERM. */
  evict(pod: Stored): void {
    const dying = this.store.patch(pod, { metadata: { deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: 0 } });
    const phase = dying.status?.["phase"];
    const { terminationGracePeriodSeconds: grace = 30 } = (dying.spec ?? {}) as Partial<PodSpec>;
    if (this.processes?.stop(pod.metadata.name, grace)) return;
    if (phase === "Running" || phase === "Pending") this.end(dying, 143);
    const last = this.store.get("pods", pod.metadata.name);
    if (last && !this.store.get("jobs", jobOf(last))) this.store.remove(last);
  }

  private ensurePod(job: Stored): void {
    const name = `${job.metadata.name}-pod`;
    if (this.store.get("pods", name) || job.status?.["conditions"]) return;
    const template = job.spec?.["template"] as { metadata?: { labels?: object }; spec?: PodSpec };
    const labels = { ...template.metadata?.labels, "batch.kubernetes.io/job-name": job.metadata.name };
    const pod = this.store.create("pods", { metadata: { name, labels }, spec: template.spec, status: { phase: "Pending" } });
    if (this.processes) return this.begin(job, pod);
    const [what = "exit", ...rest] = template.spec?.containers?.[0]?.command ?? [];
    if (what === "wait") return;
    const running = this.store.patch(pod, { status: { phase: "Running", containerStatuses: [{ name: "step", state: { running: {} } }] } });
    if (what === "hang") return;
    if (what === "say") for (const line of rest) this.log(name).say(line);
    this.end(running, what === "exit" ? Number(rest[0] ?? 0) : 0);
  }

  private begin(job: Stored, pod: Stored): void {
    const { name } = pod.metadata;
    const deadline = job.spec?.["activeDeadlineSeconds"] as number | undefined;
    if (deadline !== undefined) setTimeout(() => this.expire(job.metadata.name, name), deadline * MS);
    this.store.patch(pod, { status: { phase: "Running", containerStatuses: [{ name: "step", state: { running: {} } }] } });
    const ended = (state: Terminated): void => {
      const last = this.store.get("pods", name);
      if (last) this.end(last, state.exitCode, state);
      if (last && !this.store.get("jobs", job.metadata.name)) this.store.remove(this.store.get("pods", name) ?? last);
    };
    this.processes?.start(name, pod.spec as unknown as PodSpec, { line: (text) => this.log(name).say(text), ended });
  }

  private expire(job: string, name: string): void {
    const pod = this.store.get("pods", name);
    if (!pod || !this.store.get("jobs", job) || pod.status?.["phase"] !== "Running") return;
    this.overdue.add(job);
    this.evict(pod);
  }

  private count(pod: Stored): void {
    const job = this.store.get("jobs", jobOf(pod));
    const phase = pod.status?.["phase"];
    if (!job || job.status?.["conditions"] || (phase !== "Succeeded" && phase !== "Failed")) return;
    const reason = this.overdue.has(job.metadata.name) ? "DeadlineExceeded" : "BackoffLimitExceeded";
    const condition =
      phase === "Succeeded" && reason !== "DeadlineExceeded" ? { type: "Complete" } : { type: "Failed", reason, message: "it failed" };
    this.store.patch(job, { status: { conditions: [{ ...condition, status: "True" }] } });
  }

  /** As the garbage collector does. */
  private collect(job: Stored): void {
    for (const secret of this.store.list("secrets", "")) if (ownersOf(secret).includes(job.metadata.uid)) this.store.remove(secret);
    for (const pod of this.store.list("pods", "")) if (jobOf(pod) === job.metadata.name) this.evict(pod);
  }
}

function ownersOf({ metadata }: Stored): string[] {
  return ((metadata["ownerReferences"] ?? []) as { uid: string }[]).map(({ uid }) => uid);
}

function jobOf(pod: Stored): string {
  return pod.metadata.labels?.["batch.kubernetes.io/job-name"] ?? "";
}

function stamp(us: number): string {
  return new Date(Math.floor(us / 1000)).toISOString().replace("Z", `${String(us % 1000).padStart(3, "0")}Z`);
}
