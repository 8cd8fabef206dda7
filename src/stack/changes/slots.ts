import type { Supervisor } from "../../supervise/supervisor.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";

interface FillOptions {
  readonly spec: ServiceSpec;
  readonly signal: AbortSignal;
  readonly wanted: "run" | "stop";
  readonly reason: string;
}

/** Brings the number of slots to `replicas`: new ones at the lowest free replica, surplus ones stopped from the top. */
export async function fill(stack: Stack, { spec, signal, ...options }: FillOptions): Promise<void> {
  const present = stack.supervisorsOf(spec.name);
  const surplus = present.filter(({ slot }) => slot.replica >= spec.replicas);
  const taken = new Set(present.map(({ slot }) => slot.replica));
  const missing = Array.from({ length: spec.replicas }, (_, replica) => replica).filter((replica) => !taken.has(replica));
  await Promise.all(missing.map((replica) => stack.add(spec, replica, options)));
  await Promise.all(surplus.map((supervisor) => retire(stack, supervisor, { reason: "scaled", signal })));
}

/** Stops a slot and forgets it. */
export async function retire(stack: Stack, supervisor: Supervisor, why: { reason: string; signal: AbortSignal }): Promise<void> {
  await stopped(stack, [supervisor], why);
  await stack.drop(supervisor);
}

/** Stops slots and resolves when nothing of them runs. */
export async function stopped(
  stack: Stack,
  supervisors: readonly Supervisor[],
  { reason, signal }: { reason: string; signal: AbortSignal },
): Promise<void> {
  for (const supervisor of supervisors) void supervisor.want("stop", reason);
  await stack.until(() => (supervisors.every(({ slot }) => slot.state === "Stopped") ? true : undefined), signal);
}
