import type { Slot } from "../supervise/instance.ts";
import type { LogStore } from "../supervise/logs/store.ts";
import type { Gate, SupervisorPorts } from "../supervise/supervised.ts";
import { targetIds } from "./fronts/front.ts";
import type { FrontSync } from "./fronts/sync.ts";
import { withdraw } from "./fronts/withdraw.ts";
import { gateOf, type Snapshot, strainOn } from "./gate.ts";
import { serviceOf } from "./graph.ts";
import type { RestartBudget } from "./restart-budget.ts";
import type { ServiceSpec } from "./spec.ts";
import type { StackPorts } from "./stack.ts";
import type { StackRecord } from "./store.ts";

/** How far back a log probe of an adopted instance looks for its line. */
const HISTORY_LINES = 10_000;
const AWAY_LOOK_MS = 5000;

/** What a slot's supervisor sees of its stack. */
interface Surroundings {
  readonly record: StackRecord;
  readonly fronts: FrontSync;
  readonly budget: RestartBudget;
  decided(): Snapshot;
  troubleOf(slot: Slot): string | undefined;
  suspect(service: string): Promise<string | undefined>;
  specOf(slot: Slot): ServiceSpec | undefined;
}

/** The world of one supervisor, as its stack provides it. */
export function slotPorts(slot: Slot, stack: Surroundings, ports: StackPorts): SupervisorPorts {
  const { clock, runtimes, store, newId, logs } = ports;
  let last: ServiceSpec | undefined;
  // The end of a log is still read when the slot, and with it what it ran, is forgotten.
  const spec = (): ServiceSpec => (last = stack.specOf(slot) ?? last ?? missing(slot));
  const log = (): ReturnType<LogStore["service"]> => {
    const own = spec();
    return logs.service({ stack: slot.stack, service: own.name, logging: own.logging, secrets: ports.secretsOf(own) });
  };
  return {
    clock,
    runtime: runtimes[spec().runtime],
    newId,
    policy: () => spec().restartPolicy,
    gate: () => {
      const gate = gateOf(slot.service, stack.decided(), clock.now());
      const trouble = gate.open ? stack.troubleOf(slot) : undefined;
      return trouble === undefined ? gate : untilBack(slot.service, trouble);
    },
    strain: () => strainOn(slot.service, stack.decided()),
    suspect: () => stack.suspect(slot.service),
    admit: () => stack.budget.admit(),
    assign: () => ports.assign(spec()),
    prepare: async (now, instance, how) => {
      // The edge listens before the first instance starts, and has let go of a port that this one binds: what is in the way is told by this one.
      if (how === "start" && spec().ports.some(({ host }) => host !== undefined)) await stack.fronts.served(slot.service);
      return ports.prepare({ slot: now, instance, spec: spec(), baseEnv: stack.record.baseEnv, adopted: how === "adopt" });
    },
    withdraw: async (now, force) => {
      const { drainTimeoutMs } = (serviceOf(stack.record.spec, now.service) ?? spec()).update;
      const targets = now.traffic === "held" ? [] : targetIds({ slot: now, spec: spec() });
      const edge = withdraw(
        { service: now.service, targets, drainTimeoutMs, force },
        { sync: stack.fronts, traffic: ports.traffic, clock },
      );
      await Promise.all([edge, ports.leaving?.(now, { drainTimeoutMs, force })]);
    },
    onEnd: (now) => stack.fronts.poke(now.service),
    attach: (now, spools) => log().attach({ instance: now.instance ?? "", replica: now.replica, spools }),
    note: (now, level, message) => log().note({ level, message, replica: now.replica }),
    record: (now, event) => store.record(now, event),
    history: (now) =>
      logs.query({
        stack: now.stack,
        services: [now.service],
        query: { replica: now.replica, tail: HISTORY_LINES, ...(now.startedAt !== undefined && { sinceMs: now.startedAt }) },
        signal: new AbortController().signal,
      }),
    ...(ports.onProbe && { onProbe: ports.onProbe }),
  };
}

/** Docker is away: asked again by whoever hears that it is back, and now and then. */
function untilBack(service: string, trouble: string): Gate {
  return {
    open: false,
    waitingFor: trouble.replace(/^docker (.*)$/, "docker ($1)"),
    why: `${service} blocked: ${trouble}`,
    againMs: AWAY_LOOK_MS,
  };
}

function missing({ service, config }: Slot): never {
  throw new Error(`no spec of ${service} with config ${config}`);
}
