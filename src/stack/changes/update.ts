import { OrcoError } from "../../kernel/errors.ts";
import { isCompleted, type Slot } from "../../supervise/instance.ts";
import type { Supervisor } from "../../supervise/supervisor.ts";
import { hopeless } from "../gate.ts";
import { decideRollout, failureOf, type RolloutLimits, type RolloutSlot, type RolloutStep } from "../rollout.ts";
import type { ServiceSpec } from "../spec.ts";
import type { Stack } from "../stack.ts";
import type { StackHost } from "./host.ts";
import { retire } from "./slots.ts";

interface UpdateRequest {
  readonly host: StackHost;
  readonly stack: Stack;
  readonly target: ServiceSpec;
  /** Replace what runs, or only what is on record of a service that is stopped. */
  readonly wanted: "run" | "stop";
  readonly reason: "config_changed" | "rollback";
  /** A rollback goes on whatever fails. */
  readonly mayAbort: boolean;
  readonly signal: AbortSignal;
}

export type UpdateResult = { readonly ok: true } | { readonly ok: false; readonly why: string; readonly lines: readonly string[] };

/** How many lines of the failed instance's log a failure shows (stack.md, rolling). */
const SHOWN_LINES = 20;

/** Replaces the instances of one service by ones of `target`, within the bounds of its strategy. Safe to repeat after a crash. */
export async function updateService(request: UpdateRequest): Promise<UpdateResult> {
  const { stack, target, host, wanted } = request;
  const hash = host.configHash(target);
  for (const supervisor of stack.supervisorsOf(target.name)) supervisor.mark(supervisor.slot.config === hash ? "new" : "old");
  if (wanted === "stop") return replaceStopped(request, hash);
  stack.updates.set(target.name, {
    strategy: target.update.strategy,
    phase: request.reason === "rollback" ? "rolling back" : "updating",
    since: host.clock.now(),
  });
  try {
    return await roll(request, hash);
  } finally {
    stack.updates.delete(target.name);
  }
}

async function replaceStopped({ stack, target, signal }: UpdateRequest, hash: string): Promise<UpdateResult> {
  const old = stack.supervisorsOf(target.name).filter(({ slot }) => slot.config !== hash);
  await Promise.all(old.map((supervisor) => retire(stack, supervisor, { reason: "config_changed", signal })));
  const have = new Set(stack.supervisorsOf(target.name).map(({ slot }) => slot.replica));
  for (let replica = 0; replica < target.replicas; replica++)
    if (!have.has(replica)) await stack.add(target, replica, { wanted: "stop", reason: "stopped" });
  return { ok: true };
}

async function roll(request: UpdateRequest, hash: string): Promise<UpdateResult> {
  const { stack, target, signal } = request;
  const limits = limitsOf(target, request.mayAbort);
  const leaving = new Map<string, Promise<void>>();
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => undefined);
  await retireStopped(request, hash);
  for (;;) {
    signal.throwIfAborted();
    const present = stack.supervisorsOf(target.name);
    const slots = present.map(({ slot }) => slot);
    const views = present.map((supervisor) => viewOf(supervisor, hash, request));
    // Taken before the decision: a window that closes right after it must still wake us.
    const windowEndsMs = Math.min(
      ...present.map((one, at) => (views[at]?.ready && !views[at].observed ? limits.windowMs - one.readyForMs : Infinity)),
    );
    const step = decideRollout(views, limits);
    if (step.do === "done") return { ok: true };
    if (step.do === "abort")
      return failed(
        request,
        slots.filter((slot) => slot.config === hash),
        step.why,
      );
    if (step.do === "start") await stack.add(target, step.replica, { wanted: "run", reason: request.reason });
    else if (step.do === "stop") leave(request, step, { leaving, onError: lost.reject });
    else await Promise.race([stack.nextChange(signal, Math.max(0, windowEndsMs)), lost.promise]);
  }
}

interface Leaving {
  readonly leaving: Map<string, Promise<void>>;
  readonly onError: (error: unknown) => void;
}

/** Old slots that were stopped already: by hand, or by this very update before a crash. */
async function retireStopped({ stack, target, reason, signal }: UpdateRequest, hash: string): Promise<void> {
  const old = stack.supervisorsOf(target.name).filter(({ slot }) => slot.config !== hash && slot.wanted === "stop");
  await Promise.all(old.map((supervisor) => retire(stack, supervisor, { reason, signal })));
}

function leave(request: UpdateRequest, step: RolloutStep & { do: "stop" }, { leaving, onError }: Leaving): void {
  const { stack, target, signal } = request;
  const supervisor = stack.supervisorsOf(target.name).find(({ slot }) => slot.id === step.id);
  if (!supervisor || leaving.has(step.id)) return;
  leaving.set(step.id, retire(stack, supervisor, { reason: request.reason, signal }).catch(onError));
}

function limitsOf(target: ServiceSpec, mayAbort: boolean): RolloutLimits & { windowMs: number } {
  const { update, replicas } = target;
  const abortAfterFailures = mayAbort ? update.abortAfterFailures : Infinity;
  const whole =
    update.strategy === "recreate"
      ? { maxUnavailable: replicas, maxSurge: 0, oldGoFirst: true }
      : { maxUnavailable: update.maxUnavailable, maxSurge: update.maxSurge };
  return { replicas, ...whole, abortAfterFailures, windowMs: update.observationWindowMs };
}

function viewOf({ slot, readyForMs }: Supervisor, hash: string, { stack, target }: UpdateRequest): RolloutSlot {
  const ready = slot.ready || isCompleted(slot);
  const windowMs = target.update.observationWindowMs;
  const observed = isCompleted(slot) || (slot.ready && readyForMs >= windowMs);
  const fresh = slot.config === hash;
  const failure = fresh ? (failureOf(slot) ?? (slot.state === "Pending" ? hopeless(target.name, stack.decided()) : undefined)) : undefined;
  return {
    id: slot.id,
    replica: slot.replica,
    version: fresh ? "new" : "old",
    ready,
    observed,
    stopping: slot.wanted === "stop",
    ...(failure !== undefined && { failure }),
  };
}

async function failed({ host, stack, target }: UpdateRequest, fresh: readonly Slot[], why: string): Promise<UpdateResult> {
  const slot = fresh.find((one) => failureOf(one) !== undefined) ?? fresh[0];
  if (!slot) return { ok: false, why, lines: [] };
  const { replica, createdAt } = slot;
  const lines = await host.tail({ stack: stack.name, service: target.name, replica, sinceMs: createdAt, lines: SHOWN_LINES });
  return { ok: false, why, lines: lines.map(({ message }) => message) };
}

/** The error of an update that did not go through. */
export function updateError(service: string, result: { why: string; lines: readonly string[] }, outcome: string): OrcoError {
  const log = result.lines.length > 0 ? `\nlast lines of its log:\n${result.lines.map((line) => `  ${line}`).join("\n")}` : "";
  return new OrcoError("start_failed", `update of ${service} failed: ${result.why}; ${outcome}${log}`, {
    service,
    why: result.why,
    log: result.lines,
  });
}
