import type { Clock } from "../kernel/clock.ts";
import type { ListenerProblem, Served } from "./channel.ts";
import type { GateMaker } from "./worker-gate.ts";
import { Counters, type StatsAnswer } from "./metrics-counters.ts";
import { Pool } from "./pool.ts";
import type { Front, RouteTable } from "./route.ts";
import { Listeners } from "./worker-listeners.ts";
import type { DataPlane } from "./worker.ts";

export interface PlaneOptions {
  readonly clock: Clock;
  readonly gates: GateMaker;
  readonly counters: Counters;
  /** Something in flight on a draining target has ended. */
  readonly drainingChanged: () => void;
}

/** Pools and listeners of one worker, as the newest table has them. */
export class EdgePlane implements DataPlane {
  private readonly pools = new Map<string, Pool>();
  /** Of fronts that are gone, while something is in flight on them. */
  private readonly former = new Set<Pool>();
  private readonly listeners: Listeners;
  private listening = true;

  constructor(private readonly options: PlaneOptions) {
    this.listeners = new Listeners((listen, fronts) => options.gates.open(listen, fronts, (id) => this.poolOf(id)));
  }

  /** Pools of new fronts first, so that a listener finds them; those of fronts that are gone last, when nobody is sent there any more. */
  async apply(table: RouteTable): Promise<readonly ListenerProblem[]> {
    for (const front of table.fronts) this.place(front);
    this.options.gates.configure(table);
    const problems = this.listening ? await this.listeners.apply(table.fronts) : [];
    const named = new Set(table.fronts.map(({ id }) => id));
    for (const [id, pool] of this.pools) {
      if (named.has(id)) continue;
      this.pools.delete(id);
      pool.close();
      this.former.add(pool);
    }
    for (const pool of this.former) if (pool.inFlight === 0) this.former.delete(pool);
    return problems;
  }

  stopListening(): void {
    this.listening = false;
    this.listeners.closeAll();
  }

  draining(): Pick<Served, "inFlight" | "cut"> {
    const inFlight: Record<string, number> = {};
    const cut: Record<string, number> = {};
    for (const pool of [...this.pools.values(), ...this.former]) {
      for (const count of pool.draining()) {
        if (count.inFlight > 0) inFlight[count.target] = count.inFlight;
        if (count.cut > 0) cut[count.target] = count.cut;
      }
    }
    return { inFlight, cut };
  }

  get connections(): number {
    return this.options.gates.connections;
  }

  cutAll(): void {
    for (const pool of [...this.pools.values(), ...this.former]) pool.cutAll();
    this.options.gates.cutAll();
  }

  retire(): void {
    this.options.gates.retire();
  }

  stats(since: number): StatsAnswer {
    return this.options.counters.answer(since);
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
}
