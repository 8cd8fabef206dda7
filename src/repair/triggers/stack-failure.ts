import type { Slot } from "../../supervise/instance.ts";

/** Ends that say something of the service; the others are of docker, or of whoever removed it. */
const FAILURES = new Set(["instance_crash", "completed", "oom_killed", "probe_unready", "start_failed", "hook_failed"]);

export interface FailedRun {
  /** Id of the start. */
  readonly run: string;
  readonly gaveUp: boolean;
  readonly how: string;
  /** Epoch ms. */
  readonly beganAt: number;
}

/** The run of a slot that has just failed, or the end of its supervisor's tries. Undefined: it has not, or that is nobody's fault. */
export function failedRun(slot: Slot): FailedRun | undefined {
  const { state, wanted, reason, retries, nextStartAt, instance, startedAt, createdAt, message } = slot;
  if (wanted === "stop") return undefined;
  const gaveUp = state === "Failed" && reason !== "dependency_blocked";
  // Without an instance the machine was at fault; where the retries are not counted, what the service needs was away.
  const again = state === "Pending" && instance !== undefined && nextStartAt !== undefined && retries > 0 && FAILURES.has(reason);
  if (!gaveUp && !again) return undefined;
  const how = message?.replace(/; restarting in \S+$/, "") ?? reason.replaceAll("_", " ");
  return {
    run: instance ?? slot.id,
    gaveUp,
    how: gaveUp ? `${how}, and is not started again` : how,
    beganAt: startedAt ?? createdAt,
  };
}
