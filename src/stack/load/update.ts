import type { RestartPolicy } from "../../supervise/restart.ts";
import type { UpdateSpec } from "../spec.ts";
import type { Place } from "./field.ts";
import type { DeclaredUpdate } from "./policy-shape.ts";
import type { DeclaredService } from "./shape.ts";
import { type Mapping, nodeAt } from "./source.ts";
import type { Amount } from "./units.ts";

interface UpdateContext {
  readonly replicas: number;
  /** A single instance has something that it cannot share with its successor: a port of the host, data. */
  readonly alone: boolean;
  readonly node: Mapping;
  readonly at: Place;
}

/** Default strategy: rolling; recreate for one replica that cannot run beside its successor. */
export function resolveUpdate(declared: DeclaredUpdate, { replicas, alone, node, at }: UpdateContext): UpdateSpec {
  const strategy = declared.strategy ?? (replicas <= 1 && alone ? "recreate" : "rolling");
  const maxUnavailable = counted(declared.maxUnavailable ?? { count: 0 }, replicas, Math.floor);
  const maxSurge = counted(declared.maxSurge ?? { count: 1 }, replicas, Math.ceil);
  if ((strategy === "rolling" || strategy === "canary") && maxUnavailable === 0 && maxSurge === 0 && replicas > 0) {
    const message = `maxUnavailable and maxSurge are both 0 for ${replicas} ${replicas === 1 ? "replica" : "replicas"}: no instance could ever be replaced`;
    at.report.add([...at.path, "maxSurge"], nodeAt(node, ["maxSurge"]), {
      message,
      hint: "percentages of maxSurge round up, of maxUnavailable down",
    });
  }
  return {
    strategy,
    maxUnavailable,
    maxSurge,
    ...(declared.promoteAfter !== undefined && { promoteAfterMs: declared.promoteAfter }),
    abortAfterFailures: declared.abortAfterFailures ?? 1,
    observationWindowMs: declared.observationWindow ?? 0,
    drainTimeoutMs: declared.drainTimeout ?? 10_000,
    autoRollback: declared.autoRollback ?? true,
    ...(declared.weight !== undefined && { weight: declared.weight }),
  };
}

function counted(amount: Amount, replicas: number, round: (value: number) => number): number {
  return "count" in amount ? amount.count : round((amount.percent / 100) * replicas);
}

export function resolveRestart(declared: NonNullable<DeclaredService["restartPolicy"]>, node: Mapping, at: Place): RestartPolicy {
  const { factor = 2, ...given } = declared.backoff ?? {};
  const min = given.min ?? Math.min(1000, given.max ?? 1000);
  const max = given.max ?? Math.max(30_000, min);
  if (min > max)
    at.report.add([...at.path, "backoff", "min"], nodeAt(node, ["backoff", "min"]), { message: "backoff.min is longer than backoff.max" });
  return {
    condition: declared.condition ?? "always",
    maxRetries: declared.maxRetries ?? 5,
    resetAfterMs: declared.resetAfter ?? 60_000,
    backoff: { minMs: min, maxMs: max, factor },
  };
}
