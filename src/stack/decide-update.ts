import { decideBlueGreen } from "./blue-green.ts";
import { decideCanary } from "./canary.ts";
import { decideRollout, versionsOf } from "./rollout.ts";
import type { RolloutLimits, RolloutSlot, RolloutStep, UpdatePhase } from "./rollout.ts";
import type { UpdateSpec } from "./spec.ts";

export interface UpdatePolicy extends RolloutLimits, Pick<UpdateSpec, "strategy" | "promoteAfterMs" | "drainTimeoutMs"> {}

export interface UpdateProgress {
  readonly phase: UpdatePhase;
  readonly phaseForMs: number;
  /** What a person has decided about it. */
  readonly decision?: "promote" | "abort" | undefined;
}

/** Why an update was undone that a person aborted. */
export const ABORTED = "aborted by orco abort";

/** The next step of an update by any strategy, or of its rollback. Asked again after each step and each change, also by the next daemon. */
export function decideUpdate(slots: readonly RolloutSlot[], policy: UpdatePolicy, progress: UpdateProgress): RolloutStep {
  const { phase, phaseForMs, decision } = progress;
  if (phase === "rolling back") return decideBack(slots, policy);
  if (decision === "abort" && phase !== "finishing") return { do: "abort", why: ABORTED };
  switch (policy.strategy) {
    case "canary":
      return decideCanary(slots, policy, { phase, phaseForMs, promoted: decision === "promote", promoteAfterMs: policy.promoteAfterMs });
    case "blueGreen":
      return decideBlueGreen(slots, policy, { phase, phaseForMs, keepMs: policy.drainTimeoutMs });
    case "rolling":
    case "recreate":
      return decideRollout(slots, policy);
  }
}

/** The former version takes the requests at once, in one step; then the other goes within the bounds. */
function decideBack(slots: readonly RolloutSlot[], policy: UpdatePolicy): RolloutStep {
  if (versionsOf(slots).fresh.some(({ admitted }) => !admitted)) return { do: "switch", why: "back to the former version" };
  return decideRollout(slots, { ...policy, abortAfterFailures: Infinity });
}

/** The first phase of an update. */
export function firstPhase(strategy: UpdateSpec["strategy"]): UpdatePhase {
  return strategy === "canary" || strategy === "blueGreen" ? "starting" : "updating";
}
