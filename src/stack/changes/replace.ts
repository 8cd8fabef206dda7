import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { RunContext } from "../../workflow/define.ts";
import { ABORTED } from "../decide-update.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackHost } from "./host.ts";
import { type UpdateFailure, updateService } from "./update.ts";

export interface Replace {
  readonly stack: Stack;
  /** The spec that the instances leave, and what they are replaced by. */
  readonly from: ServiceSpec;
  readonly target: ServiceSpec;
  /** Replace what runs, or only what is on record of a service that is stopped. */
  readonly wanted: "run" | "stop";
}

/** Replaces the instances of a service; what fails, or is aborted, is undone. Throws `start_failed`, and `cancelled` when a person aborted it. */
export async function replace(host: StackHost, context: RunContext, change: Replace): Promise<void> {
  try {
    await moveOn(host, context, change);
  } finally {
    await change.stack.updates.end(change.target.name);
  }
}

async function moveOn(host: StackHost, context: RunContext, { stack, from, target, wanted }: Replace): Promise<void> {
  const service = target.name;
  const common = { host, stack, wanted, signal: context.signal, run: context.id, update: target.update } as const;
  const missing = await context.step(`image ${service}`, () => imageFailure(host, { stack, target, signal: context.signal }));
  const result = missing ?? (await context.step(`update ${service}`, () => updateService({ ...common, target, reason: "config_changed" })));
  const { strategy } = target.update;
  if (result.ok) return host.onUpdate({ strategy, outcome: "completed" });
  const aborted = result.why === ABORTED;
  if (!target.update.autoRollback && !aborted) {
    host.onUpdate({ strategy, outcome: "failed" });
    throw updateError(service, result, "autoRollback is off: the new version stays as it is");
  }
  await context.step(`rollback ${service}`, async () => {
    await host.desireService(stack.name, from, "stack.rolled_back");
    await updateService({ ...common, target: from, reason: "rollback" });
    return null;
  });
  host.onUpdate({ strategy, outcome: "rolled_back" });
  if (aborted) throw new OrcoError("cancelled", `update of ${service} ${ABORTED}; the former version was restored`, { service });
  throw updateError(service, result, "the former version was restored");
}

/** An image that cannot be had fails the update before anything of the service has moved. */
async function imageFailure(
  host: StackHost,
  { stack, target, signal }: { stack: Stack; target: ServiceSpec; signal: AbortSignal },
): Promise<UpdateFailure | null> {
  try {
    await host.provide(target, { stack, signal });
    return null;
  } catch (error) {
    if (signal.aborted) throw error;
    const { log } = error instanceof OrcoError ? error.facts : {};
    return { ok: false, why: messageOf(error), lines: Array.isArray(log) ? log.map(String) : [] };
  }
}

/** The error of an update that did not go through. */
function updateError(service: string, { why, lines }: UpdateFailure, outcome: string): OrcoError {
  const log = lines.length > 0 ? `\nlast lines of its log:\n${lines.map((line) => `  ${line}`).join("\n")}` : "";
  return new OrcoError("start_failed", `update of ${service} failed: ${why}; ${outcome}${log}`, { service, why, log: lines });
}
