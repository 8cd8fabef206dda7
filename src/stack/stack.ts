import type { Front } from "../edge/route.ts";
import type { Traffic } from "../edge/traffic.ts";
import type { Clock } from "../kernel/clock.ts";
import { isCompleted, type Slot } from "../supervise/instance.ts";
import type { LogStore } from "../supervise/logs/store.ts";
import type { Adopted } from "../supervise/runtime.ts";
import type { Prepared } from "../supervise/supervised.ts";
import { Supervisor } from "../supervise/supervisor.ts";
import { frontsOf } from "./fronts/front.ts";
import { FrontSync } from "./fronts/sync.ts";
import type { Snapshot } from "./gate.ts";
import { serviceOf } from "./graph.ts";
import type { Runtimes } from "./runtimes.ts";
import { defaultBudget, RestartBudget } from "./restart-budget.ts";
import { slotPorts } from "./slot-ports.ts";
import type { ServiceSpec, StackSpec } from "./spec.ts";
import type { StackRecord, StackStore } from "./store.ts";
import { Updates } from "./updates.ts";

export interface StackPorts {
  readonly clock: Clock;
  readonly runtimes: Runtimes;
  readonly store: StackStore;
  readonly logs: LogStore;
  readonly traffic: Traffic;
  readonly newId: () => string;
  /** Ports of an instance that is to start: container port → port on this machine. */
  readonly assign: (spec: ServiceSpec) => Readonly<Record<string, number>>;
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
  /** Something of the stack has changed; once for all of a turn. */
  readonly onChange?: (stack: string) => void;
  /** Before an instance is stopped because that was asked for: resolves when what reaches it beside the edge has ended, or may not wait any longer. Never rejects. */
  readonly leaving?: (slot: Slot, how: { readonly drainTimeoutMs: number; readonly force: AbortSignal }) => Promise<void>;
}

type NewSlot = { readonly wanted: "run" | "stop"; readonly reason: string } & Pick<Slot, "traffic" | "share">;

/** One stack that is up: its desired spec and a supervisor for every slot. */
export class Stack {
  private readonly supervisors = new Map<string, Supervisor>();
  private readonly listeners = new Set<() => void>();
  private dependents = new Map<string, string[]>();
  private committed: Snapshot | undefined;
  private announcing = false;
  /** Specs of former applies that instances still run. */
  private readonly former = new Map<string, ServiceSpec>();
  /** Services whose instances are being replaced. */
  readonly updates: Updates;
  readonly fronts: FrontSync;
  readonly budget: RestartBudget;

  constructor(
    private current: StackRecord,
    private readonly ports: StackPorts,
  ) {
    const { clock, store, traffic } = ports;
    const onChange = (): void => this.changed();
    this.updates = new Updates({ stack: this.name, clock, store, onChange });
    this.fronts = new FrontSync({ traffic, clock, wanted: (service) => this.frontsOf(service), onChange });
    this.budget = new RestartBudget({
      clock,
      limit: () => this.current.spec.restartBudget ?? defaultBudget(this.supervisors.size),
      onExhausted: ({ restarts, windowMs }) => store.tell(this.name, "stack.restart_budget_exhausted", { restarts, window_ms: windowMs }),
    });
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
    const services = new Set([...Object.keys(this.current.spec.services), ...Object.keys(record.spec.services)]);
    this.current = record;
    this.committed = undefined;
    this.index();
    for (const supervisor of this.supervisors.values()) supervisor.poke();
    for (const service of services) this.fronts.poke(service);
    this.changed();
  }

  /** The spec as it is: what instances run. An apply that failed or was cancelled has wanted more than it did. */
  carriedOut(desired: StackSpec): StackSpec {
    const services = Object.values(this.current.spec.services).map((spec): [string, ServiceSpec] => {
      const target = serviceOf(desired, spec.name);
      const runs = target && (this.outdated(target) ?? (this.supervisorsOf(spec.name).length > 0 ? target : undefined));
      const same = runs === undefined || this.ports.configHash(runs) === this.ports.configHash(spec);
      return [spec.name, same ? spec : { ...runs, replicas: spec.replicas }];
    });
    return { ...this.current.spec, services: Object.fromEntries(services) };
  }

  /** What an instance of the service runs that must be replaced for `target`. */
  outdated(target: ServiceSpec): ServiceSpec | undefined {
    const hash = this.ports.configHash(target);
    const other = this.supervisorsOf(target.name).find(({ slot }) => slot.config !== hash);
    return other && this.specOf(other.slot);
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

  /** Which of those that a service needs do not answer at this moment: their own probes may not have counted it yet. */
  async suspect(service: string): Promise<string | undefined> {
    const needed = serviceOf(this.current.spec, service)?.dependsOn.filter(({ require }) => require === "ready") ?? [];
    const asked = needed.map(async ({ target }) => {
      const members = this.supervisorsOf(target);
      if (members.every(({ slot }) => isCompleted(slot))) return [];
      const answers = await Promise.all(members.map(async ({ running }) => (await running?.answers()) ?? false));
      return answers.includes(true) ? [] : [`${target} unready`];
    });
    const found = (await Promise.all(asked)).flat();
    return found.length > 0 ? found.join(", ") : undefined;
  }

  /** What the edge should have of a service, as its slots are now. */
  frontsOf(service: string): Front[] {
    const spec = serviceOf(this.current.spec, service);
    const members = this.supervisorsOf(service).flatMap(({ slot }) => {
      const own = this.specOf(slot);
      return own ? [{ slot, spec: own }] : [];
    });
    return frontsOf({ stack: this.name, service, spec, members });
  }

  /** Why nothing can be done with an instance just now. */
  troubleOf(slot: Slot | undefined): string | undefined {
    const runtime = slot && this.specOf(slot)?.runtime;
    return runtime && this.ports.runtimes[runtime].trouble?.();
  }

  /** Makes a slot and sets its supervisor to work. Throws `disk_full`. */
  async add(spec: ServiceSpec, replica: number, { wanted, reason, ...traffic }: NewSlot): Promise<Supervisor> {
    const { clock, newId, store, configHash } = this.ports;
    const slot: Slot = {
      id: newId(),
      stack: this.name,
      service: spec.name,
      replica,
      config: configHash(spec),
      version: "new",
      wanted,
      state: wanted === "run" ? "Pending" : "Stopped",
      ready: false,
      reason: wanted === "run" || spec.schedule ? reason : "stopped",
      restarts: 0,
      retries: 0,
      createdAt: clock.now(),
      ...traffic,
    };
    await store.addSlot(slot, spec);
    return this.supervise(slot);
  }

  supervise(slot: Slot, adopted?: Adopted): Supervisor {
    const supervisor = new Supervisor(slot, slotPorts(slot, this, this.ports), (changed) => this.onSlot(changed));
    this.supervisors.set(slot.id, supervisor);
    supervisor.start(adopted);
    this.onSlot(slot);
    return supervisor;
  }

  /** Docker has gone, or is back. */
  announce(): void {
    for (const supervisor of this.supervisors.values()) supervisor.poke();
    this.changed();
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
    this.fronts.close();
    this.updates.close();
    for (const supervisor of this.supervisors.values()) supervisor.close();
  }

  /** The spec this very slot runs: the desired one, or the one of an earlier apply that it has not left yet. */
  specOf(slot: Slot): ServiceSpec | undefined {
    const desired = serviceOf(this.current.spec, slot.service);
    if (desired && this.ports.configHash(desired) === slot.config) return desired;
    const former = this.former.get(slot.config) ?? this.ports.store.oldSpec(this.name, slot.config);
    if (former) this.former.set(slot.config, former);
    return former ?? desired;
  }

  private onSlot(slot: Slot): void {
    this.committed = undefined;
    this.fronts.poke(slot.service);
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
      this.ports.onChange?.(this.name);
    });
  }

  private index(): void {
    this.dependents = new Map();
    for (const spec of Object.values(this.current.spec.services)) {
      for (const { target } of spec.dependsOn) this.dependents.set(target, [...(this.dependents.get(target) ?? []), spec.name]);
    }
  }
}

function byReplica(a: Slot, b: Slot): number {
  return a.replica - b.replica || a.createdAt - b.createdAt;
}
