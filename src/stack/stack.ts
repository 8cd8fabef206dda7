import type { Clock } from "../kernel/clock.ts";
import type { Slot } from "../supervise/instance.ts";
import type { Attachment } from "../supervise/logs/attachment.ts";
import type { LogStore } from "../supervise/logs/store.ts";
import type { Adopted, Runtime } from "../supervise/runtime.ts";
import type { Prepared } from "../supervise/supervised.ts";
import { Supervisor } from "../supervise/supervisor.ts";
import { gateOf, type Snapshot } from "./gate.ts";
import { serviceOf } from "./graph.ts";
import type { ServiceSpec, StackSpec } from "./spec.ts";
import type { StackRecord, StackStore } from "./store.ts";

/** How far back a log probe of an adopted instance looks for its line. */
const HISTORY_LINES = 10_000;

export interface StackPorts {
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly store: StackStore;
  readonly logs: LogStore;
  readonly newId: () => string;
  readonly prepare: (request: {
    slot: Slot;
    instance: string;
    spec: ServiceSpec;
    baseEnv: Readonly<Record<string, string>>;
    adopted: boolean;
  }) => Promise<Prepared>;
  /** Values of the service's secrets, to be kept out of its log. */
  readonly secretsOf: (spec: ServiceSpec) => readonly string[];
  readonly configHash: (spec: ServiceSpec) => string;
  readonly onProbe?: (slot: Slot, probe: string, latencyMs: number) => void;
  readonly onTransition?: (slot: Slot) => void;
}

/** One stack that is up: its desired spec and a supervisor for every slot. */
export class Stack {
  private readonly supervisors = new Map<string, Supervisor>();
  private readonly listeners = new Set<() => void>();
  private dependents = new Map<string, string[]>();
  private committed: Snapshot | undefined;
  private announcing = false;
  /** Services whose instances are being replaced. `since` is epoch ms. */
  readonly updates = new Map<string, { readonly strategy: string; readonly phase: string; readonly since: number }>();

  constructor(
    private current: StackRecord,
    private readonly ports: StackPorts,
  ) {
    this.index();
  }

  get name(): string {
    return this.current.spec.name;
  }

  get record(): StackRecord {
    return this.current;
  }

  /** Swaps the desired spec; slots are moved by the run that asked for it. */
  use(record: StackRecord): void {
    this.current = record;
    this.committed = undefined;
    this.index();
    for (const supervisor of this.supervisors.values()) supervisor.poke();
    this.changed();
  }

  /** The spec as it is: where instances are not of `desired`, what they run. An apply that failed or was cancelled has wanted more than it did. */
  carriedOut(desired: StackSpec): StackSpec {
    const services = Object.values(this.current.spec.services).map((spec): [string, ServiceSpec] => {
      const target = serviceOf(desired, spec.name);
      const hash = target && this.ports.configHash(target);
      const other = this.supervisorsOf(spec.name).find(({ slot }) => hash !== undefined && slot.config !== hash);
      return [spec.name, other ? { ...(this.specOf(other.slot) ?? spec), replicas: spec.replicas } : spec];
    });
    return { ...this.current.spec, services: Object.fromEntries(services) };
  }

  supervisorsOf(service: string): Supervisor[] {
    return [...this.supervisors.values()].filter(({ slot }) => slot.service === service);
  }

  /** Not dropped yet. */
  has(supervisor: Supervisor): boolean {
    return this.supervisors.get(supervisor.slot.id) === supervisor;
  }

  all(): Supervisor[] {
    return [...this.supervisors.values()];
  }

  /** What decisions act on: the last transitions that are on disk. */
  decided(): Snapshot {
    this.committed ??= this.snapshot();
    return this.committed;
  }

  /** As of this moment, for views. */
  snapshot(): Snapshot {
    const grouped = new Map<string, Supervisor[]>();
    for (const supervisor of this.supervisors.values()) {
      const list = grouped.get(supervisor.slot.service);
      if (list) list.push(supervisor);
      else grouped.set(supervisor.slot.service, [supervisor]);
    }
    const services = Object.values(this.current.spec.services);
    return new Map(
      services.map((spec) => {
        const members = grouped.get(spec.name) ?? [];
        return [spec.name, { spec, slots: members.map(({ slot }) => slot).sort(byReplica), detail: members[0]?.detail ?? "" }];
      }),
    );
  }

  /** Makes a slot and sets its supervisor to work. Throws `disk_full`. */
  async add(spec: ServiceSpec, replica: number, options: { wanted: "run" | "stop"; reason: string }): Promise<Supervisor> {
    const { clock, newId, store, configHash } = this.ports;
    const slot: Slot = {
      id: newId(),
      stack: this.name,
      service: spec.name,
      replica,
      config: configHash(spec),
      version: "new",
      wanted: options.wanted,
      state: options.wanted === "run" ? "Pending" : "Stopped",
      ready: false,
      reason: options.wanted === "run" ? options.reason : "stopped",
      restarts: 0,
      retries: 0,
      createdAt: clock.now(),
    };
    await store.addSlot(slot, spec);
    return this.supervise(slot);
  }

  supervise(slot: Slot, adopted?: Adopted): Supervisor {
    const supervisor = new Supervisor(slot, this.portsOf(slot), (changed) => this.onSlot(changed));
    this.supervisors.set(slot.id, supervisor);
    supervisor.start(adopted);
    this.onSlot(slot);
    return supervisor;
  }

  /** Forgets slots that have stopped. */
  async drop(supervisor: Supervisor): Promise<void> {
    supervisor.close();
    this.supervisors.delete(supervisor.slot.id);
    await this.ports.store.removeSlot(supervisor.slot);
    this.onSlot(supervisor.slot);
  }

  /** Resolves at the next change of the stack, when the signal aborts, or after `withinMs`. */
  async nextChange(signal: AbortSignal, withinMs = Infinity): Promise<void> {
    const next = Promise.withResolvers<void>();
    const wake = (): void => next.resolve();
    this.listeners.add(wake);
    const cancel = withinMs === Infinity ? undefined : this.ports.clock.after(withinMs, wake);
    signal.addEventListener("abort", wake, { once: true });
    try {
      await next.promise;
    } finally {
      this.listeners.delete(wake);
      cancel?.();
      signal.removeEventListener("abort", wake);
    }
  }

  /** Resolves when `done` holds; rejects with the signal's reason. Evaluated at every change of the stack, and each `everyMs`. */
  async until<T>(done: (now: number) => T | undefined, signal: AbortSignal, everyMs?: number): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const result = done(this.ports.clock.now());
      if (result !== undefined) return result;
      // Nothing can change between the look and the wait: both are in one turn.
      await this.nextChange(signal, everyMs);
    }
  }

  close(): void {
    for (const supervisor of this.supervisors.values()) supervisor.close();
  }

  private portsOf(slot: Slot): ConstructorParameters<typeof Supervisor>[1] {
    const { clock, runtime, store, newId } = this.ports;
    let last: ServiceSpec | undefined;
    // The end of a log is still read when the slot, and with it what it ran, is forgotten.
    const spec = (): ServiceSpec => (last = this.specOf(slot) ?? last ?? missing(slot));
    return {
      clock,
      runtime,
      newId,
      policy: () => spec().restartPolicy,
      gate: () => gateOf(slot.service, this.decided()),
      prepare: (now, instance, how) =>
        this.ports.prepare({ slot: now, instance, spec: spec(), baseEnv: this.current.baseEnv, adopted: how === "adopt" }),
      attach: (now, spools): Attachment => this.logOf(spec()).attach({ instance: now.instance ?? "", replica: now.replica, spools }),
      note: (now, level, message) => this.logOf(spec()).note({ level, message, replica: now.replica }),
      record: (now, event) => store.record(now, event),
      history: (now) =>
        this.ports.logs.query({
          stack: this.name,
          services: [now.service],
          query: { replica: now.replica, tail: HISTORY_LINES, ...(now.startedAt !== undefined && { sinceMs: now.startedAt }) },
          signal: new AbortController().signal,
        }),
      ...(this.ports.onProbe && { onProbe: this.ports.onProbe }),
    };
  }

  private logOf(spec: ServiceSpec): ReturnType<LogStore["service"]> {
    return this.ports.logs.service({ stack: this.name, service: spec.name, logging: spec.logging, secrets: this.ports.secretsOf(spec) });
  }

  /** The spec this very slot runs: the desired one, or the one of an earlier apply that it has not left yet. */
  private specOf(slot: Slot): ServiceSpec | undefined {
    const desired = serviceOf(this.current.spec, slot.service);
    if (desired && this.ports.configHash(desired) === slot.config) return desired;
    return this.ports.store.oldSpec(this.name, slot.config) ?? desired;
  }

  private onSlot(slot: Slot): void {
    this.committed = undefined;
    for (const service of this.dependents.get(slot.service) ?? []) for (const supervisor of this.supervisorsOf(service)) supervisor.poke();
    this.ports.onTransition?.(slot);
    this.changed();
  }

  /** Many transitions commit together; whoever watches looks once. */
  private changed(): void {
    if (this.announcing) return;
    this.announcing = true;
    queueMicrotask(() => {
      this.announcing = false;
      for (const listener of this.listeners) listener();
    });
  }

  private index(): void {
    this.dependents = new Map();
    for (const spec of Object.values(this.current.spec.services)) {
      for (const { target } of spec.dependsOn) this.dependents.set(target, [...(this.dependents.get(target) ?? []), spec.name]);
    }
  }
}

function missing({ service, config }: Slot): never {
  throw new Error(`no spec of ${service} with config ${config}`);
}

function byReplica(a: Slot, b: Slot): number {
  return a.replica - b.replica || a.createdAt - b.createdAt;
}
