import type { Exit } from "./runtime.ts";

/** The `restartPolicy` block of a service, resolved. */
export interface RestartPolicy {
  readonly condition: "always" | "on-failure" | "never";
  /** -1: no limit. */
  readonly maxRetries: number;
  /** Retries start again from zero after this much uninterrupted readiness. */
  readonly resetAfterMs: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number; readonly factor: number };
}

export interface RestartInput {
  readonly policy: RestartPolicy;
  /** Failures in a row before this one. */
  readonly retries: number;
  /** Uninterrupted readiness before the end. */
  readonly readyForMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly exit?: Exit;
  /** A failure of orco's own finding; it outweighs the exit, which is then orco's own doing. */
  readonly failure?: "probe_unready" | "start_failed" | "hook_failed";
  /** What it needs was away: the failure does not count, nor does it end the retries. */
  readonly excused?: boolean;
  /** Somebody asked for it to be stopped: no policy starts it again. */
  readonly stopped?: boolean;
}

export type RestartDecision =
  | { readonly again: { readonly afterMs: number; readonly retries: number; readonly reason: string } }
  | { readonly giveUp: { readonly state: "Stopped" | "Failed"; readonly reason: string } };

/**
 * What becomes of an instance that ended.
 *
 *   condition     exit 0                any other end
 *   always        again                 again, until maxRetries
 *   on-failure    Stopped, completed    again, until maxRetries
 *   never         Stopped, completed    Failed, with the reason of the end
 *
 * A container that somebody else removed is started again whatever the condition.
 * An instance stopped because its probes failed is a failure whatever its exit code: `on-failure` starts it again, and
 * `never` ends it as Failed (probe_unready), because "never" promises that nothing runs twice.
 * Every start after the first counts as a retry, also after exit 0 under `always`: a service that ends at once, again and
 * again, is a crash loop whatever code it ends with.
 */
export function decideRestart(input: RestartInput): RestartDecision {
  const { policy, exit, failure } = input;
  if (input.stopped) return { giveUp: { state: "Stopped", reason: "stopped" } };
  const reason = failure ?? reasonOf(exit);
  const completed = reason === "completed";
  if (completed && policy.condition !== "always") return { giveUp: { state: "Stopped", reason } };
  // Nobody has asked for that, and nothing of it has ended by itself.
  if (policy.condition === "never" && reason !== "removed") return { giveUp: { state: "Failed", reason } };
  if (input.excused) return { again: { afterMs: delayMs(policy, input.retries, input.random), retries: input.retries, reason } };
  const retries = input.readyForMs >= policy.resetAfterMs ? 0 : input.retries;
  if (policy.maxRetries >= 0 && retries >= policy.maxRetries) return { giveUp: { state: "Failed", reason: "retries_exhausted" } };
  return { again: { afterMs: delayMs(policy, retries, input.random), retries: retries + 1, reason } };
}

function reasonOf(exit: Exit | undefined): string {
  if (exit?.reason === "oom_killed") return "oom_killed";
  if (exit?.reason === "lost" || exit?.reason === "removed") return exit.reason;
  return exit?.reason === "exited" && exit.code === 0 ? "completed" : "instance_crash";
}

/** clamp(min·factor^n, min, max) with equal jitter: uniform in its upper half, never below min. */
function delayMs({ backoff }: RestartPolicy, retries: number, random: () => number): number {
  const { minMs, maxMs, factor } = backoff;
  // 0 · ∞ is not a number.
  const grown = minMs === 0 ? 0 : minMs * factor ** retries;
  const full = Math.max(minMs, Math.min(grown, maxMs));
  return Math.max(minMs, full / 2 + random() * (full / 2));
}
