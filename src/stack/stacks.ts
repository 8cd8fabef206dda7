import { messageOf, OrcoError } from "../kernel/errors.ts";
import { didYouMean } from "../kernel/nearest.ts";
import { adoptSlot } from "../supervise/adopt-slot.ts";
import type { Slot } from "../supervise/instance.ts";
import type { LogQuery, LogRecord } from "../supervise/logs/record.ts";
import type { Handle } from "../supervise/runtime.ts";
import type { StackHost } from "./changes/host.ts";
import { builtName, resourcesOf } from "./container-launch.ts";
import { graphShape, serviceOf, unknownService } from "./graph.ts";
import { type LastRun, reconcile, type ScheduleBook, scheduledOf, type ScheduleOwner } from "./scheduled/book.ts";
import { reservations } from "./fronts/reserve.ts";
import type { ServiceSpec, StackSpec } from "./spec.ts";
import { Stack, type StackPorts } from "./stack.ts";
import { refuseReplica } from "./replica-meant.ts";
import { serviceView, type Observed } from "./status.ts";
import type { StackRecord } from "./store.ts";
import type { StackSummary, StackView } from "./view.ts";

interface StacksOptions extends StackPorts {
  readonly schedules: ScheduleBook;
  readonly lastRun: (owner: ScheduleOwner) => LastRun | undefined;
  readonly onUpdate: StackHost["onUpdate"];
  /** Why nothing of the service can be recorded now: its changes or its log. */
  readonly unwritable: (owner: { readonly stack: string; readonly service: string }) => string | undefined;
}

/** Every stack of this daemon. Changes come from runs only (`changes/`); everything else reads. */
export class Stacks implements StackHost {
  private readonly stacks = new Map<string, Stack>();
  private readonly cpu = new WeakMap<Handle, { atMs: number; cpuMs: number }>();
  private lastOfService: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: StacksOptions) {}

  get clock(): StackHost["clock"] {
    return this.options.clock;
  }

  /** Takes over what a former daemon left: running instances are adopted, the others start in graph order. */
  async restore(): Promise<{ adopted: number; lost: number }> {
    const found = this.options.store
      .stacks()
      .map((record) => ({ stack: this.put(record), slots: this.options.store.slots(record.spec.name) }));
    const outcomes = await Promise.all(
      found.flatMap(({ stack, slots }) =>
        slots.map((slot) => {
          const runtime = this.options.runtimes[stack.specOf(slot)?.runtime ?? "process"];
          return adoptSlot(slot, runtime, (found, adopted) => stack.supervise(found, adopted));
        }),
      ),
    );
    for (const { stack } of found) stack.fronts.start();
    // A daemon may have died between a stack and its schedules.
    const names = new Set([...this.stacks.keys(), ...this.schedules.all().map((one) => one.stack)]);
    await Promise.all([...names].map((name) => reconcile(this.schedules, name, this.stacks.get(name)?.record.spec)));
    return {
      adopted: outcomes.filter((kind) => kind === "running").length,
      lost: outcomes.filter((kind) => kind === "exited" || kind === "gone").length,
    };
  }

  find(name: string): Stack | undefined {
    return this.stacks.get(name);
  }

  async desire({ spec, baseEnv }: StackRecord, type: string): Promise<Stack> {
    const known = this.stacks.get(spec.name);
    const containers = resourcesOf(spec) !== undefined || known?.record.containers === true;
    const record: StackRecord = { spec, baseEnv, ...(containers && { containers }) };
    await this.options.store.saveStack(record, type, { services: Object.keys(spec.services).length });
    known?.use(record);
    const stack = known ?? this.put(record);
    stack.fronts.start();
    await reconcile(this.schedules, stack.name, spec);
    return stack;
  }

  desireService(name: string, spec: ServiceSpec, type: string): Promise<void> {
    const turn = this.lastOfService.then(async () => {
      const { record } = this.require(name);
      await this.desire({ ...record, spec: { ...record.spec, services: { ...record.spec.services, [spec.name]: spec } } }, type);
    });
    // Whoever asked hears of a failure; the next one goes on from what is on record.
    this.lastOfService = turn.catch(() => undefined);
    return turn;
  }

  async forget(name: string, { volumes, signal }: { volumes: boolean; signal: AbortSignal }): Promise<void> {
    if (this.stacks.get(name)?.record.containers) await this.options.runtimes.docker.dispose(name, { volumes, signal });
    await this.options.store.removeStack(name);
    const stack = this.stacks.get(name);
    stack?.close();
    this.stacks.delete(name);
    this.options.onChange?.(name);
    await stack?.fronts.removeAll();
  }

  async reserve(spec: StackSpec): Promise<string[]> {
    const { traffic } = this.options;
    const fresh = reservations(spec, this.stacks.get(spec.name)?.record.spec);
    if (fresh.length > 0) await traffic.put(fresh);
    return fresh.map(({ id }) => id);
  }

  release(fronts: readonly string[]): Promise<void> {
    return this.options.traffic.remove(fronts);
  }

  /** Whether the route table holds the front for one of these stacks: the others are left over from a daemon that died. */
  holdsFront(id: string): boolean {
    const [kind, name = "", service = ""] = id.split("/");
    return (
      kind === "stack" &&
      (this.stacks
        .get(name)
        ?.frontsOf(service)
        .some((front) => front.id === id) ??
        false)
    );
  }

  configHash(spec: ServiceSpec): string {
    return this.options.configHash(spec);
  }

  async tail({ stack, service, lines, ...which }: Parameters<StackHost["tail"]>[0]): Promise<LogRecord[]> {
    const query: LogQuery = { tail: lines, ...which };
    return Array.fromAsync(this.options.logs.query({ stack, services: [service], query, signal: new AbortController().signal }));
  }

  get schedules(): ScheduleBook {
    return this.options.schedules;
  }

  get onUpdate(): StackHost["onUpdate"] {
    return this.options.onUpdate;
  }

  claim(spec: StackSpec): Promise<void> {
    const resources = resourcesOf(spec);
    return resources ? this.options.runtimes.docker.claim(resources) : Promise.resolve();
  }

  async provide({ name, image, docker }: ServiceSpec, { stack, signal }: { stack: Stack; signal: AbortSignal }): Promise<void> {
    if (!docker) return;
    const { pull, build } = docker;
    const [first] = stack.supervisorsOf(name);
    await this.options.runtimes.docker.provide(
      { image: image ?? builtName(stack.name, name), pull, ...(build && { build: { ...build, digest: build.digest ?? "" } }) },
      { signal, note: (level, message) => first?.tell(level, message) },
    );
  }

  /** Services are told apart from what is only theirs: docker has come, or gone. */
  announce(): void {
    for (const stack of this.stacks.values()) stack.announce();
  }

  names(): string[] {
    return [...this.stacks.keys()].sort();
  }

  list(): StackSummary[] {
    return this.names().map((name) => {
      const { record } = this.require(name);
      const views = this.get(name).services;
      return {
        stack: name,
        ...(record.spec.file !== undefined && { file: record.spec.file }),
        services: views.length,
        ready: views.filter(({ ready, message, state, schedule }) => ready || message === "completed" || (schedule && state === "Stopped"))
          .length,
        desired: "up" as const,
      };
    });
  }

  /** Throws `not_found`. */
  get(name: string, { usage = false }: { usage?: boolean } = {}): StackView {
    const stack = this.require(name);
    const snapshot = stack.snapshot();
    const now = this.clock.now();
    const members = new Map(stack.all().map((supervisor) => [supervisor.slot.id, supervisor]));
    const observe = (slot: Slot): Observed => {
      const supervisor = members.get(slot.id);
      const handle = supervisor?.running?.handle;
      const used = usage && handle ? this.usage(handle) : undefined;
      return {
        detail: supervisor?.detail ?? "",
        ...(handle?.pid !== undefined && { pid: handle.pid }),
        ...(used && { usage: used }),
      };
    };
    const { file } = stack.record.spec;
    return {
      stack: name,
      ...(file !== undefined && { file }),
      services: [...snapshot.keys()].map((service) => {
        const update = stack.updates.get(service);
        const trouble = stack.fronts.trouble(service);
        const engine = snapshot.get(service)?.spec.runtime === "docker" ? this.options.runtimes.docker.trouble?.() : undefined;
        const owner = { stack: name, service };
        const disk = this.options.unwritable(owner);
        const scheduled = snapshot.get(service)?.spec.schedule && {
          kept: scheduledOf(this.schedules, owner),
          last: this.options.lastRun(owner),
        };
        return serviceView(service, snapshot, {
          now,
          ...(scheduled && { scheduled }),
          observe,
          ...(trouble !== undefined && { trouble: messageOf(trouble) }),
          ...(engine !== undefined && { engine }),
          ...(disk !== undefined && { disk }),
          ...(update && { update: { strategy: update.strategy, phase: update.phase, since_ms: Math.max(0, now - update.since) } }),
        });
      }),
    };
  }

  graph(name: string): ReturnType<typeof graphShape> {
    return graphShape(this.require(name).record.spec);
  }

  /** Lines of a stack that is up, or of one that was. */
  logs(
    name: string,
    { services, query, signal }: { services?: readonly string[]; query: LogQuery; signal: AbortSignal },
  ): AsyncIterable<LogRecord> {
    const spec = this.stacks.get(name)?.record.spec ?? (this.options.logs.has(name) ? undefined : this.require(name).record.spec);
    for (const service of services ?? []) if (spec && !serviceOf(spec, service)) throw unknownService(spec, service);
    refuseReplica(this.stacks.get(name), { services, replica: query.replica }, this.options.logs);
    return this.options.logs.query({ stack: name, query, signal, ...(services && services.length > 0 && { services }) });
  }

  /** Throws `not_found`, saying how the stack would come up. */
  require(name: string): Stack {
    const stack = this.stacks.get(name);
    if (!stack) {
      const hint = didYouMean(name, this.names());
      throw new OrcoError("not_found", `stack ${name} is not up${hint === undefined ? "" : ` (${hint})`}; orco up starts it`, {
        stack: name,
        next: "what is up: orco stack list",
      });
    }
    return stack;
  }

  /** Instances that must not be cleaned away. */
  instances(): Set<string> {
    const slots = [...this.stacks.values()].flatMap((stack) => stack.all().map(({ slot }) => slot));
    return new Set(slots.flatMap(({ instance, draining = [] }) => (instance === undefined ? draining : [instance, ...draining])));
  }

  haveContainers(): boolean {
    return [...this.stacks.values()].some(({ record }) => record.containers);
  }

  close(): void {
    for (const stack of this.stacks.values()) stack.close();
  }

  private put(record: StackRecord): Stack {
    const stack = new Stack(record, this.options);
    this.stacks.set(record.spec.name, stack);
    return stack;
  }

  /** CPU since the last look, as a share of one core; since the start at the first look. */
  private usage(handle: Handle): Observed["usage"] {
    const used = handle.usage();
    if (!used) return undefined;
    const atMs = this.clock.monotonic();
    const before = this.cpu.get(handle) ?? { atMs: atMs - (this.clock.now() - handle.startedAt), cpuMs: 0 };
    this.cpu.set(handle, { atMs, cpuMs: used.cpuMs });
    const cpuPercent = atMs > before.atMs ? (100 * Math.max(0, used.cpuMs - before.cpuMs)) / (atMs - before.atMs) : 0;
    return { ...used, cpuPercent };
  }
}
