import { isCompleted, type Slot } from "../../supervise/instance.ts";
import { decideUpdate, firstPhase, type UpdatePolicy } from "../decide-update.ts";
import { contestedPorts } from "../fronts/fronted.ts";
import { hopeless } from "../gate.ts";
import { failureOf, type RolloutSlot, type RolloutStep } from "../rollout.ts";
import type { UpdateSpec } from "../spec.ts";
import { retire } from "./slots.ts";
import type { UpdateRequest } from "./update-request.ts";
import { Steps } from "./update-steps.ts";

export type UpdateFailure = { readonly ok: false; readonly why: string; readonly lines: readonly string[] };

export type UpdateResult = { readonly ok: true } | UpdateFailure;

/** How many lines of the failed instance's log a failure shows (stack.md, rolling). */
const SHOWN_LINES = 20;

/**
 * Replaces the instances of one service by ones of `target`, within the bounds of its strategy. Safe to repeat after a crash. Whoever asks
 * ends the update on record: what failed is undone first.
 */
export async function updateService(request: UpdateRequest): Promise<UpdateResult> {
  const { stack, target, host, wanted, run, reason } = request;
  const config = host.configHash(target);
  const present = stack.supervisorsOf(target.name);
  await Promise.all(present.map((supervisor) => supervisor.mark({ version: supervisor.slot.config === config ? "new" : "old" })));
  if (wanted === "stop") return replaceStopped(request, config);
  const strategy = strategyOf(request, config);
  await stack.updates.begin(target.name, { run, strategy, config, phase: reason === "rollback" ? "rolling back" : firstPhase(strategy) });
  return roll(request, config);
}

async function replaceStopped({ stack, target, signal }: UpdateRequest, config: string): Promise<UpdateResult> {
  const old = stack.supervisorsOf(target.name).filter(({ slot }) => slot.config !== config);
  await Promise.all(old.map((supervisor) => retire(stack, supervisor, { reason: "config_changed", signal })));
  const have = new Set(stack.supervisorsOf(target.name).map(({ slot }) => slot.replica));
  for (let replica = 0; replica < target.replicas; replica++)
    if (!have.has(replica)) await stack.add(target, replica, { wanted: "stop", reason: "stopped" });
  return { ok: true };
}

async function roll(request: UpdateRequest, config: string): Promise<UpdateResult> {
  const { stack, target, signal } = request;
  await retireStopped(request, config);
  const policy = policyOf(request);
  const steps = new Steps(request, { config, holds: policy.holds });
  for (;;) {
    signal.throwIfAborted();
    const row = stack.updates.require(target.name);
    // Taken before the decision: a window that closes right after it must still wake us.
    const present = stack.supervisorsOf(target.name).map((supervisor) => ({ supervisor, readyForMs: supervisor.readyForMs }));
    const views = present.map(({ supervisor, readyForMs }) => viewOf(supervisor.slot, readyForMs, { request, config }));
    const windowMs = Math.min(
      ...present.map(({ readyForMs }, at) => (views[at]?.ready && !views[at].observed ? policy.windowMs - readyForMs : Infinity)),
    );
    const phaseForMs = stack.updates.phaseForMs(target.name);
    const step = decideUpdate(views, policy, { phase: row.phase, phaseForMs, decision: row.decision });
    if (step.do === "done") return { ok: true };
    if (step.do === "abort") {
      await stack.updates.enter(target.name, "rolling back");
      return failed(request, config, step.why);
    }
    await steps.take(step, Math.max(0, Math.min(windowMs, forMs(step))));
  }
}

function forMs(step: RolloutStep): number {
  return step.do === "wait" ? (step.forMs ?? Infinity) : Infinity;
}

/** Old slots that were stopped already: by hand, or by this very update before a crash. */
async function retireStopped({ stack, target, reason, signal }: UpdateRequest, config: string): Promise<void> {
  const old = stack.supervisorsOf(target.name).filter(({ slot }) => slot.config !== config && slot.wanted === "stop");
  await Promise.all(old.map((supervisor) => retire(stack, supervisor, { reason, signal })));
}

/** Versions that cannot share a host port take turns, whatever the strategy; where nothing runs there is nothing to compare with. */
function strategyOf({ stack, target, update }: UpdateRequest, config: string): UpdateSpec["strategy"] {
  const old = stack.supervisorsOf(target.name).filter(({ slot }) => slot.config !== config);
  if (old.some(({ slot }) => contestedPorts(stack.specOf(slot) ?? target, target).length > 0)) return "recreate";
  return old.length > 0 || update.strategy === "recreate" ? update.strategy : "rolling";
}

function policyOf({ stack, target, update, reason }: UpdateRequest): UpdatePolicy & { readonly windowMs: number; readonly holds: boolean } {
  const { strategy } = stack.updates.require(target.name);
  const recreate = strategy === "recreate";
  return {
    ...update,
    strategy,
    ...(recreate && { maxUnavailable: target.replicas, maxSurge: 0, oldGoFirst: true }),
    replicas: target.replicas,
    windowMs: update.observationWindowMs,
    // Where nothing old is left beside it, holding a new one back would leave nobody to answer.
    holds: reason !== "rollback" && !recreate && update.observationWindowMs > 0,
  };
}

function viewOf(slot: Slot, readyForMs: number, { request, config }: { request: UpdateRequest; config: string }): RolloutSlot {
  const { stack, target, update, reason } = request;
  const fresh = slot.config === config;
  const failure = fresh ? (failureOf(slot) ?? (slot.state === "Pending" ? hopeless(target.name, stack.decided()) : undefined)) : undefined;
  // A way back that waits for one that has given up would never end.
  const givenUp = reason === "rollback" && fresh && slot.state === "Failed";
  return {
    id: slot.id,
    replica: slot.replica,
    version: fresh ? "new" : "old",
    ready: slot.ready || isCompleted(slot),
    observed: isCompleted(slot) || givenUp || (slot.ready && readyForMs >= update.observationWindowMs),
    admitted: (slot.traffic ?? "in") === "in",
    stopping: slot.wanted === "stop",
    ...(failure !== undefined && { failure }),
  };
}

async function failed({ host, stack, target }: UpdateRequest, config: string, why: string): Promise<UpdateResult> {
  const slots = stack.supervisorsOf(target.name).map(({ slot }) => slot);
  const fresh = slots.filter((slot) => slot.config === config);
  const slot = fresh.find((one) => failureOf(one) !== undefined) ?? fresh[0];
  if (!slot) return { ok: false, why, lines: [] };
  const { replica, createdAt: sinceMs } = slot;
  // One that is being replaced has the same replica, and goes on talking.
  const exceptInstances = slots.flatMap(({ id, instance }) => (id === slot.id || instance === undefined ? [] : [instance]));
  const lines = await host.tail({ stack: stack.name, service: target.name, replica, sinceMs, exceptInstances, lines: SHOWN_LINES });
  return { ok: false, why, lines: lines.map(({ message }) => message) };
}
