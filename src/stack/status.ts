import { rfc3339 } from "../kernel/rfc3339.ts";
import { hasEnded, isCompleted, isLive, type InstanceState, type Slot } from "../supervise/instance.ts";
import type { Usage } from "../supervise/runtime.ts";
import { degraded, gateOf, isReady, type ServiceSnapshot, type Snapshot } from "./gate.ts";
import { scheduleMessage } from "./scheduled/message.ts";
import type { ScheduleSpec } from "./spec.ts";
import type { InstanceView, ScheduledView, ServiceView } from "./view.ts";

/** What of an instance is known only by the process that watches it. */
export interface Observed {
  readonly pid?: number;
  readonly detail: string;
  readonly usage?: Usage & { readonly cpuPercent: number };
}

interface ViewOptions {
  readonly now: number;
  readonly observe: (slot: Slot) => Observed;
  readonly update?: ServiceView["update"];
  /** Of a service that has a schedule. */
  readonly scheduled?: Pick<Parameters<typeof scheduleMessage>[0], "kept" | "last">;
  /** Why the edge does not serve it. */
  readonly trouble?: string;
  /** Why nothing of it can be learned just now. */
  readonly engine?: string;
  /** Why nothing of it can be recorded just now. */
  readonly disk?: string;
}

/** Worst first: the state of a service is that of the instance that needs attention most. */
const ATTENTION: readonly InstanceState[] = ["Failed", "Pending", "Starting", "Stopping", "Running", "Stopped"];

export function serviceView(name: string, snapshot: Snapshot, options: ViewOptions): ServiceView {
  const found = snapshot.get(name) as ServiceSnapshot;
  const { spec, slots } = found;
  const live = slots.filter((slot) => isLive(slot.state)).length;
  const ready = slots.filter((slot) => slot.ready).length;
  const weakened = options.engine ?? unrecorded(found, options) ?? degraded(name, snapshot, options.now);
  return {
    service: name,
    state: stateOf(found),
    ready: slots.some((slot) => slot.ready) && isReady(found),
    replicas: { ready, live, desired: spec.replicas },
    restarts: slots.reduce((sum, slot) => sum + slot.restarts, 0),
    age_ms: Math.max(0, ...slots.map((slot) => ageMs(slot, options.now))),
    message: messageOf(name, snapshot, options),
    ...(weakened !== undefined && { degraded: weakened }),
    ...(options.update && { update: options.update }),
    ...(spec.schedule && options.scheduled && { schedule: scheduledView(spec.schedule, options.scheduled) }),
    instances: slots.map((slot) => instanceView(slot, options)),
  };
}

/** Between two instances, or just before the first, there is none for a moment: that is not an end. */
function stateOf({ spec, slots }: ServiceSnapshot): InstanceState {
  if (slots.length === 0 && spec.replicas > 0) return "Pending";
  return ATTENTION.find((state) => slots.some((slot) => slot.state === state)) ?? "Stopped";
}

function ageMs(slot: Slot, now: number): number {
  return Math.max(0, now - (slot.startedAt ?? slot.createdAt));
}

/** What has ended has nothing more to record. */
function unrecorded({ slots }: ServiceSnapshot, { disk }: ViewOptions): string | undefined {
  return slots.length > 0 && slots.every(hasEnded) ? undefined : disk;
}

function messageOf(name: string, snapshot: Snapshot, options: ViewOptions): string {
  if (options.engine !== undefined) return `degraded: ${options.engine}`;
  const disk = unrecorded(snapshot.get(name) as ServiceSnapshot, options);
  const own = ownMessage(name, snapshot, options);
  if (disk === undefined) return own;
  return `degraded: ${disk}${own === "" ? "" : `; ${own}`}`;
}

function ownMessage(name: string, snapshot: Snapshot, { now, observe, trouble, scheduled }: ViewOptions): string {
  const found = snapshot.get(name) as ServiceSnapshot;
  if (trouble !== undefined) return trouble;
  const { slots } = found;
  const state = stateOf(found);
  const worst = slots.find((slot) => slot.state === state && !slot.ready) ?? slots[0];
  if (found.spec.schedule && scheduled && slots.every(hasEnded))
    return scheduleMessage({ service: name, spec: found.spec.schedule, ...scheduled, slot: slots[0], now });
  if (!worst) return state === "Pending" ? "about to start" : "no instance";
  const weakened = degraded(name, snapshot, now);
  if (weakened !== undefined) return `degraded: ${weakened}`;
  if (worst.state === "Pending" && worst.wanted === "run") {
    const gate = gateOf(name, snapshot, now);
    if (!gate.open) return `waiting for ${gate.waitingFor}`;
  }
  if (isCompleted(worst)) return "completed";
  if (worst.state === "Running" && worst.ready) return observe(worst).detail || worst.message || "";
  return worst.message ?? (observe(worst).detail || worst.reason.replaceAll("_", " "));
}

function scheduledView({ cron, timezone }: ScheduleSpec, { kept, last }: NonNullable<ViewOptions["scheduled"]>): ScheduledView {
  return {
    cron,
    ...(timezone !== undefined && { timezone }),
    ...(kept?.nextAt !== undefined && !kept.paused && { next: rfc3339(kept.nextAt) }),
    ...(last && { last: { at: rfc3339(last.at), outcome: last.outcome, run: last.run } }),
  };
}

function instanceView(slot: Slot, { now, observe }: ViewOptions): InstanceView {
  const seen = observe(slot);
  const pid = isLive(slot.state) ? (seen.pid ?? slot.pid) : undefined;
  const port = Object.values(slot.ports ?? {})[0];
  return {
    id: slot.instance ?? slot.id,
    replica: slot.replica,
    ...(pid !== undefined && { pid }),
    ...(slot.container !== undefined && { container: slot.container }),
    state: slot.state,
    ready: slot.ready,
    restarts: slot.restarts,
    age_ms: ageMs(slot, now),
    ...(port !== undefined && { address: `${slot.address ?? "127.0.0.1"}:${port}` }),
    config: slot.config,
    version: slot.version,
    reason: slot.reason,
    ...(slot.exit && {
      exit: {
        reason: slot.exit.reason,
        ...(slot.exit.code !== undefined && { code: slot.exit.code }),
        ...(slot.exit.signal !== undefined && { signal: slot.exit.signal }),
      },
    }),
    ...(seen.usage && { cpu_percent: seen.usage.cpuPercent, memory_bytes: seen.usage.rssBytes }),
  };
}
