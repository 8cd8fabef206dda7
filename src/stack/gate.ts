import { formatDuration } from "../kernel/duration.ts";
import { flapping, settleMs } from "../supervise/flaps.ts";
import { isCompleted, type Slot } from "../supervise/instance.ts";
import type { Gate } from "../supervise/supervised.ts";
import type { Dependency, Requirement, ServiceSpec } from "./spec.ts";

/** A service as decisions see it: what is wanted and what is. */
export interface ServiceSnapshot {
  readonly spec: ServiceSpec;
  readonly slots: readonly Slot[];
  /** Last word of a probe or of the log, for messages. */
  readonly detail: string;
}

export type Snapshot = ReadonlyMap<string, ServiceSnapshot>;

const WORD: Readonly<Record<Requirement, string>> = { exists: "created", started: "started", ready: "Ready", completed: "completed" };

/** Enough replicas answer: all of them, less what updates may take away, but at least one. */
export function isReady({ spec, slots }: ServiceSnapshot): boolean {
  if (spec.replicas === 0) return true;
  const needed = Math.max(1, spec.replicas - spec.update.maxUnavailable);
  return slots.filter((slot) => slot.ready).length >= needed;
}

function allCompleted({ spec, slots }: ServiceSnapshot): boolean {
  return spec.replicas > 0 && slots.length >= spec.replicas && slots.every(isCompleted);
}

/** A one-shot with probes that ended before they succeeded has completed, but was never ready. */
function completedReady(service: ServiceSnapshot): boolean {
  return allCompleted(service) && (service.spec.health === undefined || service.slots.every((slot) => slot.wasReady));
}

/** Does the service meet what a dependent requires of it? */
export function holds(requirement: Requirement, service: ServiceSnapshot): boolean {
  switch (requirement) {
    case "exists":
      return service.slots.length > 0 || service.spec.replicas === 0;
    case "started":
      return (
        allCompleted(service) ||
        service.slots.filter((slot) => slot.state === "Running").length >=
          Math.max(1, service.spec.replicas - service.spec.update.maxUnavailable)
      );
    case "ready":
      return completedReady(service) || isReady(service);
    case "completed":
      return allCompleted(service);
  }
}

/**
 * May an instance of the service start now? Of several timeouts that run, the shortest ends the wait. With `now` (epoch ms) a dependency that
 * flaps counts as ready only once it has stayed so for a while.
 */
export function gateOf(service: string, snapshot: Snapshot, now?: number): Gate {
  const missing = (snapshot.get(service)?.spec.dependsOn ?? []).filter(({ target, require }) => {
    const found = snapshot.get(target);
    return !found || !holds(require, found);
  });
  const [first] = missing;
  if (!first) return now === undefined ? { open: true } : settling(service, snapshot, now);
  const limited = missing.filter(({ timeoutMs }) => timeoutMs !== undefined).toSorted((a, b) => (a.timeoutMs ?? 0) - (b.timeoutMs ?? 0));
  const { timeoutMs } = limited[0] ?? {};
  const why = blockedBy(service, limited[0] ?? first, snapshot);
  return { open: false, waitingFor: `${first.target} (${first.require})`, why, ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** Closed while a dependency that flaps has not been ready for long enough. */
function settling(service: string, snapshot: Snapshot, now: number): Gate {
  const waits = (snapshot.get(service)?.spec.dependsOn ?? []).flatMap(({ target, require }) => {
    const found = snapshot.get(target);
    const leftMs = found && require === "ready" ? unsettledMs(found, now) : 0;
    return leftMs > 0 ? [{ target, leftMs, times: flapsOf(found, now) ?? 0 }] : [];
  });
  const [longest] = waits.toSorted((a, b) => b.leftMs - a.leftMs);
  if (!longest) return { open: true };
  const { target, leftMs, times } = longest;
  const waitingFor = `${target} (to stay ready: ${times} times unready in the last minute)`;
  return { open: false, waitingFor, why: `${service} waits for ${waitingFor}`, againMs: leftMs };
}

/** Until enough instances have been ready for as long as their flapping asks for. */
function unsettledMs({ spec, slots }: ServiceSnapshot, now: number): number {
  const needed = Math.max(1, spec.replicas - spec.update.maxUnavailable);
  const leftMs = slots.flatMap(({ ready, readyAt, flaps }) => {
    const times = flapping(flaps, now);
    return ready ? [times === undefined ? 0 : Math.max(0, (readyAt ?? now) + settleMs(times) - now)] : [];
  });
  return leftMs.toSorted((a, b) => a - b)[needed - 1] ?? 0;
}

/** How often the worst of its instances was unready in the last minute, where that is a pattern. */
function flapsOf(found: ServiceSnapshot | undefined, now: number): number | undefined {
  const all = (found?.slots ?? []).flatMap(({ flaps }) => flapping(flaps, now) ?? []);
  return all.length === 0 ? undefined : Math.max(...all);
}

/** `db unready`: what it needs is away, so that its own failures are not its own. */
export function strainOn(service: string, snapshot: Snapshot): string | undefined {
  const lost = (snapshot.get(service)?.spec.dependsOn ?? []).filter(({ target, require }) => isLost(require, snapshot.get(target)));
  return lost.length > 0 ? lost.map(({ target }) => `${target} unready`).join(", ") : undefined;
}

function isLost(requirement: Requirement, found: ServiceSnapshot | undefined): boolean {
  return found !== undefined && requirement === "ready" && !holds(requirement, found);
}

/** `api blocked: dependency db not Ready (timeout 60s, probe failing: tcp connect 127.0.0.1:5432 refused)`, with the chain below it. */
function blockedBy(service: string, dependency: Dependency, snapshot: Snapshot): string {
  const limit =
    dependency.timeoutMs === undefined
      ? []
      : [`timeout ${dependency.timeoutMs % 1000 === 0 ? `${dependency.timeoutMs / 1000}s` : formatDuration(dependency.timeoutMs)}`];
  const facts = [...limit, describe(dependency.target, snapshot)].filter(Boolean).join(", ");
  return `${service} blocked: dependency ${dependency.target} not ${WORD[dependency.require]}${facts ? ` (${facts})` : ""}`;
}

function describe(service: string, snapshot: Snapshot): string {
  const found = snapshot.get(service);
  if (!found) return "not declared";
  const gate = gateOf(service, snapshot);
  if (!gate.open) return gate.why;
  const worst = found.slots.find((slot) => !slot.ready && !isCompleted(slot)) ?? found.slots[0];
  if (!worst) return "no instance";
  const text = worst.message ?? found.detail;
  return [worst.state === "Running" ? "" : worst.state.toLowerCase(), text].filter(Boolean).join(": ");
}

/**
 * Why the service definitely cannot become ready without help, with the chain of dependencies; undefined while it still may.
 * Stopped by hand is not a failure of the service itself, but it is one for those who need it.
 */
export function hopeless(service: string, snapshot: Snapshot, known: Verdicts = new Map()): string | undefined {
  // A dependency that many share is judged once: without this, layers of diamonds take exponential time.
  if (!known.has(service)) known.set(service, judge(service, snapshot, known));
  return known.get(service);
}

type Verdicts = Map<string, string | undefined>;

function judge(service: string, snapshot: Snapshot, known: Verdicts): string | undefined {
  const found = snapshot.get(service);
  if (!found || found.slots.every((slot) => slot.wanted === "stop")) return undefined;
  const failed = found.slots.find((slot) => slot.state === "Failed");
  if (failed)
    return failed.reason === "dependency_blocked"
      ? (failed.message ?? `${service} blocked`)
      : `${service} failed (${failed.reason}): ${failed.message ?? "see its log"}`;
  for (const dependency of found.spec.dependsOn) {
    const target = snapshot.get(dependency.target);
    if (!target || holds(dependency.require, target)) continue;
    if (found.slots.every((slot) => slot.state !== "Pending")) continue;
    const below = hopeless(dependency.target, snapshot, known) ?? atRest(dependency.target, target);
    if (below !== undefined) return `${service} blocked: dependency ${dependency.target} not ${WORD[dependency.require]} (${below})`;
  }
  return undefined;
}

/** Nothing is wrong with it, but by itself it will not become ready either. */
function atRest(service: string, found: ServiceSnapshot): string | undefined {
  if (allCompleted(found)) return `${service} completed without becoming ready`;
  if (found.spec.schedule) return `${service} runs by its schedule; orco start ${service} runs it now`;
  const stopped = found.slots.length > 0 && found.slots.every((slot) => slot.wanted === "stop");
  return stopped ? `${service} is stopped; orco start ${service} starts it` : undefined;
}

/** A service that is never restarted and has no probe is a one-shot, and settled by its end. One that runs on after this is a server after all. */
const ONE_SHOT_MS = 10_000;

/** Settled: ready, completed, or not wanted to run. `now` is epoch ms. */
export function isSettled(found: ServiceSnapshot | undefined, now: number): boolean {
  if (!found) return true;
  const wanted = found.slots.filter((slot) => slot.wanted === "run");
  if (wanted.length === 0 || allCompleted(found)) return true;
  const oneShot = found.spec.restartPolicy.condition === "never" && !found.spec.health;
  const settled = (slot: Slot): boolean => slot.ready && (!oneShot || now - (slot.startedAt ?? slot.createdAt) >= ONE_SHOT_MS);
  return wanted.every((slot) => settled(slot) || isCompleted(slot)) && wanted.length >= found.spec.replicas;
}

/** A running service that is not what it was, or whose dependency is not: `db unready`, with how often where that is a pattern. */
export function degraded(service: string, snapshot: Snapshot, now: number): string | undefined {
  const found = snapshot.get(service);
  if (!found?.slots.some((slot) => slot.state === "Running")) return undefined;
  const below = found.spec.dependsOn.flatMap(({ target, require }) => {
    const dependency = snapshot.get(target);
    const times = flapsOf(dependency, now);
    if (isLost(require, dependency)) return [times === undefined ? `${target} unready` : `${target} unready (${flappingText(times)})`];
    return require === "ready" && times !== undefined ? [`${target} ${flappingText(times)}`] : [];
  });
  const own = flapsOf(found, now);
  const all = own === undefined ? below : [flappingText(own), ...below];
  return all.length > 0 ? all.join(", ") : undefined;
}

function flappingText(times: number): string {
  return `flapping: ${times} times unready in the last minute`;
}
