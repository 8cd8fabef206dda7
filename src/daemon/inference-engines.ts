import type { Clock } from "../kernel/clock.ts";
import { messageOf, OrcoError } from "../kernel/errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../kernel/event.ts";
import type { Gpus } from "../inference/pools/gpu.ts";
import type { PoolWork } from "../inference/pools/pool.ts";
import type { Pools } from "../inference/pools/registry.ts";
import type { BegunReload } from "../inference/pools/store.ts";
import type { Slot } from "../supervise/instance.ts";
import type { StackRequests } from "../stack/service.ts";
import type { Stacks } from "../stack/stacks.ts";
import type { ServiceSpec } from "../stack/spec.ts";
import type { Runs } from "../workflow/execute.ts";
import type { RunRow } from "../workflow/run.ts";
import { POOL_LABEL, replicaId, servicePool } from "./engine-pool.ts";

interface EnginesOptions {
  readonly stacks: Pick<Stacks, "find" | "names">;
  readonly requests: Pick<StackRequests, "reload">;
  readonly runs: Pick<Runs, "settled" | "list">;
  readonly pools: Pick<Pools, "replace" | "get">;
  readonly load: PoolWork["load"];
  readonly gpus: Gpus;
  readonly clock: Clock;
  /** Where the file of a model of the catalog is, if it is here. */
  readonly modelPath: (ref: string) => string | undefined;
}

type Snapshot = ReadonlyMap<string, { readonly spec: ServiceSpec; readonly slots: readonly Slot[] }>;

interface Leaving {
  readonly drainTimeoutMs: number;
  readonly force: AbortSignal;
}

/** A successor that answers its probe is asked by the pool at once: it may take so long. */
const SUCCESSOR_MS = 2000;
const LOOK_MS = 20;
/** Of a stack's newest, among which a reload is looked for that a former daemon began. */
const MAX_RUNS = 100;

/** Services of stacks with the label `pool` as replicas of that pool: each instance is talked to itself, not through the edge. */
export class StackEngines {
  /** Keys under which the services of a stack were told. */
  private readonly told = new Map<string, ReadonlySet<string>>();
  /** By stack, slots that are to stop and get no more tasks. */
  private readonly left = new Map<string, ReadonlySet<string>>();
  private gpus: Awaited<ReturnType<Gpus["look"]>> = [];

  constructor(private readonly options: EnginesOptions) {}

  /** Something of the stack has changed. */
  tell(name: string): void {
    const { pools, stacks } = this.options;
    const snapshot: Snapshot = stacks.find(name)?.snapshot() ?? new Map<string, never>();
    this.forgetSlots(name, snapshot);
    const keys = new Set<string>();
    for (const [service, { spec, slots }] of snapshot) {
      if (!Object.hasOwn(spec.labels, POOL_LABEL)) continue;
      this.lookAtGpus(name);
      const key = `${name}/${service}`;
      keys.add(key);
      pools.replace("stack", key, [servicePool(spec, this.membersOf(name, slots), this.gpus)]);
    }
    for (const key of this.told.get(name) ?? []) if (!keys.has(key)) pools.replace("stack", key, []);
    if (keys.size > 0) this.told.set(name, keys);
    else this.told.delete(name);
  }

  /** Takes an instance that is to stop out of its pool and resolves when none of its tasks runs any more, at the latest at the drain timeout. Never rejects. */
  async leaving(slot: Slot, { drainTimeoutMs, force }: Leaving): Promise<void> {
    const { clock, load, stacks } = this.options;
    const pool = stacks.find(slot.stack)?.specOf(slot)?.labels[POOL_LABEL];
    if (pool === undefined) return;
    const replica = replicaId(slot);
    const late = clock.monotonic() + drainTimeoutMs;
    if (this.hasSuccessor(slot))
      await this.until(() => this.othersReady(pool, replica), { late: Math.min(late, clock.monotonic() + SUCCESSOR_MS), force });
    this.left.set(slot.stack, new Set(this.left.get(slot.stack)).add(slot.id));
    this.tell(slot.stack);
    await this.until(() => (load(pool).inFlight.get(replica) ?? 0) === 0, { late, force });
  }

  /** Has every service of the pool serve another model. Rejects when the former one is served on; services that had gone over already go back. */
  async reload(pool: string, model: string): Promise<void> {
    const done: { stack: string; spec: ServiceSpec }[] = [];
    for (const one of this.servicesOf(pool)) {
      try {
        await this.reloadOne(one, model);
        done.push(one);
      } catch (error) {
        const stuck = await this.goBack(done);
        throw stuck === "" ? error : new OrcoError("start_failed", `${messageOf(error)}; and what had gone over stays so: ${stuck}`, {});
      }
    }
  }

  /** What became of a reload that a former daemon was at, once the updates that it began are through: as `reload` tells it. */
  async reloaded({ pool, model, at }: BegunReload): Promise<void> {
    const over: string[] = [];
    const troubles: string[] = [];
    for (const { stack, spec } of this.servicesOf(pool)) {
      const error = await this.endOf(`stack/${stack}`, { service: spec.name, model, at });
      const now = this.options.stacks.find(stack)?.record.spec.services[spec.name];
      const name = `${stack}/${spec.name}`;
      if (now?.env["ORCO_MODEL_REF"] === model) over.push(name);
      else troubles.push(error ?? `the daemon ended before ${name} went over; reload it again`);
    }
    if (over.length > 0 && troubles.length === 0) return;
    const stays = over.length > 0 ? `; and what had gone over stays so: ${over.join(", ")}` : "";
    throw new OrcoError("start_failed", (troubles.join("; ") || "the daemon ended in the midst of it; reload it again") + stays);
  }

  /** What went wrong with the update of a service, once it and those that take it back are through; undefined: nothing, or there was none. */
  private async endOf(lane: string, { service, model, at }: { service: string; model: string; at: number }): Promise<string | undefined> {
    const { runs } = this.options;
    const isOfIt = ({ kind, labels, createdAt }: RunRow): boolean => kind === "reload" && labels["service"] === service && createdAt >= at;
    const found = runs.list(MAX_RUNS, { lane }).filter(isOfIt);
    const settled = await Promise.all(found.map(({ id }) => runs.settled(id)));
    return settled[found.findIndex(({ input }) => modelIn(input) === model)]?.error?.message;
  }

  /** Returns what went wrong with those that could not: the others go back all the same. */
  private async goBack(done: readonly { stack: string; spec: ServiceSpec }[]): Promise<string> {
    const troubles: string[] = [];
    for (const { stack, spec } of done.toReversed())
      await this.change(stack, spec.name, formerly(spec)).catch((error: unknown) =>
        troubles.push(`${stack}/${spec.name}: ${messageOf(error)}`),
      );
    return troubles.join("; ");
  }

  private async reloadOne({ stack, spec }: { stack: string; spec: ServiceSpec }, model: string): Promise<void> {
    const env = { ORCO_MODEL: this.options.modelPath(model) ?? model, ORCO_MODEL_REF: model };
    const labels = Object.hasOwn(spec.labels, "models") ? { models: model } : {};
    await this.change(stack, spec.name, { env, labels });
  }

  private async change(stack: string, service: string, change: Parameters<StackRequests["reload"]>[2]): Promise<void> {
    const { requests, runs } = this.options;
    const { id } = await requests.reload(stack, service, change);
    const { status, error } = await runs.settled(id);
    if (status !== "completed") throw new OrcoError("start_failed", error?.message ?? `run ${id} ended as ${status}`, { run: id });
  }

  private servicesOf(pool: string): { stack: string; spec: ServiceSpec }[] {
    const { stacks } = this.options;
    return stacks.names().flatMap((stack) => {
      const services = Object.values(stacks.find(stack)?.record.spec.services ?? {});
      return services.filter(({ labels }) => labels[POOL_LABEL] === pool).map((spec) => ({ stack, spec }));
    });
  }

  private membersOf(name: string, slots: readonly Slot[]) {
    const stack = this.options.stacks.find(name);
    return slots.flatMap((slot) => {
      const spec = stack?.specOf(slot);
      return spec ? [{ slot, spec, left: this.left.get(name)?.has(slot.id) ?? false }] : [];
    });
  }

  /** Those that do not stop any more: they run again, or have gone. */
  private forgetSlots(name: string, snapshot: Snapshot): void {
    const left = this.left.get(name);
    if (!left) return;
    const stopping = [...snapshot.values()].flatMap(({ slots }) => slots.filter(({ state }) => state === "Stopping").map(({ id }) => id));
    const still = left.intersection(new Set(stopping));
    if (still.size > 0) this.left.set(name, still);
    else this.left.delete(name);
  }

  /** Another instance of its service is there to take over. */
  private hasSuccessor({ stack, service, id }: Slot): boolean {
    const others = this.options.stacks.find(stack)?.supervisorsOf(service) ?? [];
    return others.some(({ slot }) => slot.id !== id && slot.state === "Running" && slot.ready && slot.wanted === "run");
  }

  private othersReady(pool: string, replica: string): boolean {
    const replicas = this.options.pools.get(pool)?.replicas ?? [];
    return replicas.some(({ id, ready, draining }) => id !== replica && ready && !draining);
  }

  /** Nothing tells of it: it is looked at until it holds, or may not be waited for any longer. */
  private async until(holds: () => boolean, { late, force }: { late: number; force: AbortSignal }): Promise<void> {
    const { clock } = this.options;
    while (!holds() && clock.monotonic() < late && !force.aborted) await clock.sleep(LOOK_MS, force).catch(() => undefined);
  }

  /** Seldom asked; what is new is told when it is there. */
  private lookAtGpus(name: string): void {
    void this.options.gpus.look().then((found) => {
      if (found === this.gpus || Bun.deepEquals(found, this.gpus)) return;
      this.gpus = found;
      this.tell(name);
    });
  }
}

/** Of a run of kind `reload` that goes over to it. */
function modelIn({ env }: JsonObject): Json | undefined {
  return isJsonObject(env) ? env["ORCO_MODEL_REF"] : undefined;
}

/** What a reload changes of a service, as it was. */
function formerly({ env, labels }: ServiceSpec): Parameters<StackRequests["reload"]>[2] {
  return {
    env: { ORCO_MODEL: env["ORCO_MODEL"] ?? null, ORCO_MODEL_REF: env["ORCO_MODEL_REF"] ?? null },
    labels: { models: labels["models"] ?? null },
  };
}
