import type { Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";
import type { Queryable } from "../../kernel/rows.ts";
import type { Adapter } from "../adapters/adapter.ts";
import { failure } from "../failure.ts";
import type { EngineKind } from "../request.ts";
import type { NewPool, PoolService } from "../service.ts";
import { checkedPool, sourcePool } from "./api-pool.ts";
import type { PoolEntry } from "./entry.ts";
import type { PoolHealth, PoolView, PoolWork } from "./pool.ts";
import type { Pools } from "./registry.ts";
import { refuseModel } from "./reload.ts";
import { type BegunReload, type PoolRow, PoolStore } from "./store.ts";
import { poolHealth, poolView } from "./views.ts";

export interface PoolRequestsOptions {
  readonly pools: Pools;
  readonly journal: Queryable;
  readonly clock: Clock;
  readonly adapters: (engine: EngineKind) => Adapter;
  readonly work: PoolWork;
  /** The daemon's environment, for `api_key_env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Has the stack services of a pool serve another model; resolves when they do, rejects when the former serve on. */
  readonly reloadServices: (pool: string, model: string) => Promise<void>;
  /** The same of what a former daemon began at that time: what is under way goes on by itself. */
  readonly reloadedServices: (begun: BegunReload) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

const MAX_POOLS = 1000;
/** Whoever registers a pool may post a task at once: so long its engines are waited for. */
const FIRST_LOOK_MS = 1000;

interface ReloadOutcome {
  readonly model: string;
  /** Why the former model goes on; undefined: the new one is served. */
  readonly why: string | undefined;
  /** The pool of the API that was reloaded; undefined: it is somebody else's. */
  readonly registered: NewPool | undefined;
}

/** Requests of people about pools (inference.md, "Control"). */
export class PoolRequests implements PoolService {
  private readonly rows = new Map<string, PoolRow>();
  private readonly store: PoolStore;
  private readonly reloading = new Set<string>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: PoolRequestsOptions) {
    this.store = new PoolStore(options.journal);
  }

  /** Takes up the pools that were registered with a former daemon, and the reloads that it did not see the end of. */
  load(): void {
    for (const row of this.store.all(this.options.onError)) this.takeUp(row);
    for (const begun of this.store.begunReloads()) {
      this.reloading.add(begun.pool);
      void this.seeThrough(begun)
        .catch(this.options.onError)
        .finally(() => this.reloading.delete(begun.pool));
    }
  }

  list(): PoolView[] {
    const { pools, work } = this.options;
    return pools.list().map((facts) => poolView(facts, work.load(facts.id)));
  }

  get(id: string): PoolView {
    return poolView(this.entry(id).facts, this.options.work.load(id));
  }

  health(id: string): PoolHealth {
    const { facts, live } = this.entry(id);
    return poolHealth(facts, this.options.work.load(id), live);
  }

  async create(pool: NewPool): Promise<PoolView> {
    const checked = await checkedPool(pool, this.options);
    const made = await this.inTurn(() => {
      const known = this.options.pools.get(pool.id);
      if (known) throw failure("CONFLICT", `there is a pool ${pool.id} already, from the ${known.source}; PUT replaces it`);
      return this.register(checked, "pool.registered");
    });
    return this.looked(made);
  }

  async put(pool: NewPool): Promise<{ pool: PoolView; created: boolean }> {
    const checked = await checkedPool(pool, this.options);
    const { made, created } = await this.inTurn(async () => {
      const isNew = !this.rows.has(pool.id);
      return { made: await this.register(checked, isNew ? "pool.registered" : "pool.changed"), created: isNew };
    });
    return { pool: await this.looked(made), created };
  }

  remove(id: string): Promise<void> {
    return this.inTurn(async () => {
      const { source } = this.entry(id).facts;
      if (!this.rows.has(id)) throw failure("CONFLICT", `pool ${id} is not one of the API: the ${source} that has it takes it away`);
      await this.store.remove(id);
      this.rows.delete(id);
      this.options.pools.replace("api", id, []);
    });
  }

  drain(id: string, deadlineMs: number): Promise<void> {
    return this.inTurn(async () => {
      this.entry(id);
      const row = this.rows.get(id);
      if (row) await this.save({ ...row, draining: true }, "pool.draining");
      else await this.store.tell(id, "pool.draining", { deadline_ms: deadlineMs });
      // Its node may have gone meanwhile, and come back.
      this.entry(id).drain.begin(deadlineMs);
      this.options.pools.refresh(id);
    });
  }

  resume(id: string): Promise<void> {
    return this.inTurn(async () => {
      if (!this.entry(id).drain.draining) return;
      const row = this.rows.get(id);
      if (row) await this.save({ pool: row.pool }, "pool.resumed");
      else await this.store.tell(id, "pool.resumed", {});
      this.entry(id).drain.renew();
      this.options.pools.refresh(id);
    });
  }

  async reload(id: string, model: string): Promise<void> {
    this.entry(id);
    if (this.reloading.has(id)) throw failure("CONFLICT", `pool ${id} is being reloaded already`);
    this.reloading.add(id);
    try {
      await this.store.tell(id, "pool.reloading", { model });
    } catch (error) {
      this.reloading.delete(id);
      throw error;
    }
    void this.carryOut(id, model).finally(() => this.reloading.delete(id));
  }

  async purge(id: string): Promise<void> {
    this.entry(id);
    await this.store.tell(id, "pool.purged", {});
    this.options.work.purge(id);
  }

  private async carryOut(id: string, model: string): Promise<void> {
    const { pools, onError } = this.options;
    const entry = pools.entry(id);
    const registered = this.rows.get(id)?.pool;
    if (!entry) return;
    try {
      const why = await this.refuseReload(id, model);
      // Before the pool is said to serve it: what an engine said up to now may be old.
      if (why === undefined) await entry.lookAgain();
      await this.inTurn(async () => {
        // Another one of that id has nothing to do with it.
        if (pools.entry(id) !== entry) return;
        await this.settleReload(entry, { model, why, registered });
      });
    } catch (error) {
      onError(error);
      entry.reloadFailed(`reload of ${model} failed: ${messageOf(error)}`);
      pools.refresh(id);
    }
  }

  private async seeThrough(begun: BegunReload): Promise<void> {
    const { pools, reloadedServices } = this.options;
    const { pool: id, model } = begun;
    const [former, registered] = [pools.entry(id), this.rows.get(id)?.pool];
    const asked = "the daemon ended before its engines had been asked; reload it again";
    const why = this.rows.has(id) ? asked : await reloadedServices(begun).then(() => undefined, messageOf);
    if (why === undefined) await pools.entry(id)?.lookAgain();
    await this.inTurn(async () => {
      const entry = pools.entry(id);
      // As in `carryOut`; that of a stack may come after this began.
      if (former && entry && entry !== former) return;
      if (entry) await this.settleReload(entry, { model, why, registered });
      else await this.store.tell(id, "pool.reload_failed", { model, why: why ?? "the pool has gone" });
    });
  }

  /** Why the former model goes on; undefined when the new one is served. */
  private async refuseReload(id: string, model: string): Promise<string | undefined> {
    const { adapters, clock, reloadServices } = this.options;
    const { source, engine, replicas } = this.entry(id).facts;
    if (source !== "stack") return refuseModel(replicas, model, { adapter: adapters(engine), clock });
    return reloadServices(id, model).then(() => undefined, messageOf);
  }

  private async settleReload(entry: PoolEntry, { model, registered, ...outcome }: ReloadOutcome): Promise<void> {
    const { id } = entry.facts;
    const why = this.rows.get(id)?.pool === registered ? outcome.why : "the pool was changed meanwhile";
    if (why !== undefined) {
      entry.reloadFailed(`reload of ${model} failed, the former model is served on: ${why}`);
      await this.store.tell(id, "pool.reload_failed", { model, why });
    } else await this.reloaded(entry, model);
    this.options.pools.refresh(id);
  }

  private async reloaded(entry: PoolEntry, model: string): Promise<void> {
    const { id, source } = entry.facts;
    const row = this.rows.get(id);
    if (row) await this.register({ ...row.pool, models: [model] }, "pool.reloaded");
    else await this.store.tell(id, "pool.reloaded", { model });
    if (source === "node" || source === "manager") entry.serve(model);
    else entry.renew();
  }

  private async register(pool: NewPool, type: string): Promise<PoolEntry> {
    if (!this.rows.has(pool.id) && this.rows.size >= MAX_POOLS)
      throw failure("CONFLICT", `there are ${MAX_POOLS} pools, and no more are kept; remove some first`);
    await this.save({ pool }, type);
    this.options.pools.entry(pool.id)?.renew();
    this.tell({ pool });
    this.options.pools.refresh(pool.id);
    return this.entry(pool.id);
  }

  /** One that this daemon can make nothing of is left where it is: a newer one may know better. */
  private takeUp(row: PoolRow): void {
    const { id } = row.pool;
    try {
      this.tell(row);
    } catch (error) {
      return this.options.onError(new Error(`pool ${id} was not taken up: ${messageOf(error)}`));
    }
    this.rows.set(id, row);
    // What a former daemon had in it has ended already.
    if (row.draining) this.entry(id).drain.begin(0);
    this.options.pools.refresh(id);
  }

  private async save(row: PoolRow, type: string): Promise<void> {
    await this.store.save(row, type);
    this.rows.set(row.pool.id, row);
  }

  private tell({ pool }: PoolRow): void {
    this.options.pools.replace("api", pool.id, [sourcePool(pool, this.options.env)]);
  }

  /** As it is once its engines have answered; somebody may have removed it meanwhile. */
  private async looked(entry: PoolEntry): Promise<PoolView> {
    const over = new AbortController();
    const late = this.options.clock.sleep(FIRST_LOOK_MS, over.signal).catch(() => undefined);
    await Promise.race([entry.asked(), late]);
    over.abort();
    return poolView(entry.facts, this.options.work.load(entry.facts.id));
  }

  private entry(id: string): PoolEntry {
    const entry = this.options.pools.entry(id);
    if (!entry) throw failure("NOT_FOUND", `there is no pool ${JSON.stringify(id)}; GET /v2/pools has them`);
    return entry;
  }

  /** One change after the other: what is on disk and what is told are in the same order. */
  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.turn.then(act);
    this.turn = turn.catch(() => undefined);
    return turn;
  }
}
