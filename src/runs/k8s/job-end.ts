import type { JsonObject } from "../../kernel/event.ts";
import type { StepEnd } from "../ports.ts";
import type { ContainerFacts, JobFacts, PodFacts } from "./objects.ts";

/** Reasons of a pod that ended through no fault of its own. Source: kubernetes.io, "Disruptions" and "Node shutdowns"; pkg/kubelet/lifecycle. */
const DISRUPTIONS =
  /^(Evicted|Preempting|NodeLost|NodeShutdown|Shutdown|Terminated|UnexpectedAdmissionError|OutOf.+|NodeAffinity|TopologyAffinityError)$/;
/** As runc and crun say it of the first word of the command, and not of a folder or an interpreter. */
const NO_PROGRAM = /exec: "[^"]*": (?:stat \S+: no such file or directory|executable file not found)|executable file `[^`]*` not found/;
/** 128 + SIGKILL, 128 + SIGTERM. */
const STOPPED = new Set([137, 143]);

/**
 * How a Job and its pod ended; undefined while they have not. The pod has the first word, since a Job only counts. A pod that was told to go waits
 * for the Job, which knows whether that was its deadline.
 */
export function endOf(job: JobFacts | undefined, pod: PodFacts | undefined): StepEnd | undefined {
  if (pod?.phase === "Succeeded") return { kind: "completed" };
  if (pod?.phase === "Failed") return podEnd(pod, job);
  return job?.finished ? jobEnd(job.finished) : undefined;
}

function podEnd(pod: PodFacts, job: JobFacts | undefined): StepEnd | undefined {
  if (pod.disrupted) return lost(pod.disrupted.message || pod.disrupted.reason);
  if (pod.why && DISRUPTIONS.test(pod.why.reason)) return lost(pod.why.message || pod.why.reason);
  if (pod.deletedAt === undefined || endedBefore(pod.container, pod.deletedAt)) return exitEnd(pod);
  if (!job?.finished) return undefined;
  return job.finished.reason === "DeadlineExceeded" ? deadline(job.finished.message) : lost("it was deleted");
}

/** Kubernetes counts in whole seconds: within one, the exit code decides. */
function endedBefore(container: ContainerFacts, deletedAt: number): boolean {
  if (container.state !== "ended" || container.endedAt === undefined) return false;
  if (container.endedAt !== deletedAt) return container.endedAt < deletedAt;
  return !STOPPED.has(container.exit);
}

function exitEnd({ container, why }: PodFacts): StepEnd {
  if (container.state !== "ended")
    return failed(`its pod failed: ${[why?.reason, why?.message].filter(Boolean).join(": ") || "no reason given"}`, {});
  const { exit, reason, message, signal } = container;
  const facts = { exit, ...(signal !== undefined && { signal }) };
  if (reason === "OOMKilled") return failed("killed because it used too much memory (OOMKilled)", { ...facts, oom: true });
  if (reason === "StartError" || reason === "ContainerCannotRun") {
    const code = NO_PROGRAM.test(message) ? "executable_not_found" : "start_failed";
    return { kind: "failed", error: { code, message: `its container could not be started: ${message}`, facts } };
  }
  return failed(message === "" ? `exit ${exit}` : `exit ${exit}: ${message}`, facts);
}

/** Its pod is gone, or the cluster is older than 1.31 and its pod is about to go. */
function jobEnd({ complete, reason, message }: NonNullable<JobFacts["finished"]>): StepEnd {
  if (complete) return { kind: "completed" };
  if (reason === "DeadlineExceeded") return deadline(message);
  if (reason === "PodFailurePolicy") return lost(message);
  return failed(`its Job failed (${reason}: ${message}), and its pod is gone with its exit code`, { reason });
}

function deadline(message: string): StepEnd {
  return { kind: "failed", error: { code: "timeout", message: `its time was up, and it was stopped: ${message}` } };
}

function lost(why: string): StepEnd {
  return { kind: "lost", message: `its pod was taken away: ${why}` };
}

function failed(message: string, facts: JsonObject): StepEnd {
  return { kind: "failed", error: { code: "step_failed", message, facts } };
}
