import type { Clock } from "../kernel/clock.ts";
import { AccessLog } from "./access-log.ts";
import type { ListenerProblem, Served } from "./channel.ts";
import { Counters, type StatsAnswer } from "./metrics-counters.ts";
import { Pool } from "./pool.ts";
import type { Front, RouteTable } from "./route.ts";
import { Listeners } from "./worker-listeners.ts";
import { clientsAllowed, Room } from "./worker-room.ts";
import type { DataPlane } from "./worker.ts";

export interface PlaneOptions {
  readonly clock: Clock;
  /** Usual number of workers. */
  readonly workers: number;
  /** Something in flight on a draining target has ended. */
  readonly drainingChanged: () => void;
  readonly warn: (message: string) => void;
}

/** Pools, listeners and counters of one worker, as the newest table has them. */
export class EdgePlane implements DataPlane {
  private readonly counters = new Counters();
  private readonly pools = new Map<string, Pool>();
  /** Of fronts that are gone, while something is in flight on them. */
  private readonly former = new Set<Pool>();
  private readonly listeners: Listeners;
  private readonly accessLog: AccessLog;
  private trustedProxies: readonly string[] = [];

  constructor(private readonly options: PlaneOptions) {
    const { clock, workers, warn } = options;
    this.accessLog = new AccessLog(clock, warn);
    const around = {
      clock,
      counters: this.counters,
      poolOf: (id: string) => this.poolOf(id),
      trustedProxies: () => this.trustedProxies,
      log: () => this.accessLog.writer,
    };
    const room = new Room({ clients: clientsAllowed(), taken: () => this.listeners.connections, warn });
    this.listeners = new Listeners({ clock, around, workers, warn, room });
  }

  /** Pools of new fronts first, so that a listener finds them; those of fronts that are gone last, when nobody is sent there any more. */
  async apply(table: RouteTable): Promise<readonly ListenerProblem[]> {
    this.trustedProxies = table.trustedProxies;
    this.accessLog.use(table.accessLog);
    for (const front of table.fronts) this.place(front);
    const problems = await this.listeners.apply(table.fronts);
    const named = new Set(table.fronts.map(({ id }) => id));
    for (const [id, pool] of this.pools) if (!named.has(id)) this.dismiss(id, pool);
    for (const pool of this.former) if (pool.inFlight === 0) this.former.delete(pool);
    return problems;
  }

  stopListening(): void {
    this.listeners.stop();
  }

  draining(): Pick<Served, "inFlight" | "cut"> {
    const counts = this.allPools().flatMap((pool) => pool.draining());
    return {
      inFlight: Object.fromEntries(counts.flatMap(({ target, inFlight }) => (inFlight > 0 ? [[target, inFlight]] : []))),
      cut: Object.fromEntries(counts.flatMap(({ target, cut }) => (cut > 0 ? [[target, cut]] : []))),
    };
  }

  get connections(): number {
    return this.listeners.connections;
  }

  /** Through the pools first: they tell WebSockets why. */
  cutAll(): void {
    for (const pool of this.allPools()) pool.cutAll();
    this.listeners.cutAll();
  }

  retire(): void {
    this.listeners.retire();
  }

  stats(since: number): StatsAnswer {
    return this.counters.answer(since);
  }

  close(): void {
    this.accessLog.use(undefined);
  }

  private allPools(): Pool[] {
    return [...this.pools.values(), ...this.former];
  }

  private poolOf(id: string): Pool {
    const pool = this.pools.get(id);
    if (!pool) throw new Error(`front ${id} has no pool`);
    return pool;
  }

  private place(front: Front): void {
    const known = this.pools.get(front.id);
    if (known) return known.update(front);
    this.pools.set(front.id, new Pool(front, this.options.clock, { drainChanged: this.options.drainingChanged }));
  }

  private dismiss(id: string, pool: Pool): void {
    this.pools.delete(id);
    pool.close();
    this.former.add(pool);
  }
}
