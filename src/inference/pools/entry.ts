import type { Clock } from "../../kernel/clock.ts";
import type { Adapter, Endpoint } from "../adapters/adapter.ts";
import type { Meter } from "../meter.ts";
import type { EngineKind } from "../request.ts";
import { type Looked, poolFacts } from "./facts.ts";
import { type LookTurns, type Seen, Watch } from "./health.ts";
import { Drain } from "./lifecycle.ts";
import type { PoolFacts, PoolWork } from "./pool.ts";
import type { Settled, SourceReplica } from "./source.ts";

export interface EntryPorts {
  readonly clock: Clock;
  readonly adapters: (engine: EngineKind) => Adapter;
  readonly turns: LookTurns;
  readonly work: PoolWork;
  readonly meter: Pick<Meter, "healthCheck">;
  /** Its facts are others now. */
  readonly onChange: (id: string) => void;
}

/** One pool: what its sources say, what its engines were seen to be, and whether it takes tasks. */
export class PoolEntry {
  facts: PoolFacts;
  readonly drain: Drain;
  private readonly watches = new Map<string, Watch>();
  /** What engines were that are not asked just now: a model does not become unknown because its engine starts again. */
  private readonly was = new Map<string, Seen>();
  /** Why the last reload came to nothing. */
  private reloadError: string | undefined;
  /** A model that was reloaded where the source cannot be told; it stands until the source says something else. */
  private reloaded: { readonly model: string; readonly stated: string } | undefined;

  constructor(
    private settled: Settled,
    private readonly ports: EntryPorts,
  ) {
    const { clock, work } = ports;
    this.drain = new Drain(clock, () =>
      work.expire(
        settled.id,
        `the pool ${settled.id} was drained, and its deadline came before the end of the task; ask again later, or another pool`,
      ),
    );
    this.facts = this.look(settled);
  }

  get live(): boolean {
    return [...this.watches.values()].some(({ seen }) => seen.live);
  }

  /** What its sources say now. Returns whether the facts are others. */
  use(settled: Settled): boolean {
    if (this.reloaded && statedModels(settled) !== this.reloaded.stated) this.reloaded = undefined;
    return this.set(this.look(settled));
  }

  /** Facts anew, after something beside the sources has changed. */
  refresh(): boolean {
    return this.use(this.settled);
  }

  /** Takes tasks again, whatever a reload or a drain has left. */
  renew(): void {
    this.reloadError = undefined;
    this.drain.renew();
  }

  /** Its engines serve this model, though its source still says otherwise. */
  serve(model: string): void {
    this.reloaded = { model, stated: statedModels(this.settled) };
    this.renew();
  }

  reloadFailed(why: string): void {
    this.reloadError = why;
  }

  /** Resolves when every engine has been asked once. */
  async asked(): Promise<void> {
    await Promise.all([...this.watches.values()].map(({ first }) => first));
  }

  /** Asks every engine now. */
  async lookAgain(): Promise<void> {
    await Promise.all([...this.watches.values()].map((watch) => watch.look()));
  }

  close(): void {
    this.drain.close();
    for (const watch of this.watches.values()) watch.close();
    this.watches.clear();
  }

  private look(settled: Settled): PoolFacts {
    const sameEngine = settled.engine === this.settled.engine;
    this.settled = settled;
    const { reloaded } = this;
    const replicas = reloaded ? settled.replicas.map((replica) => ({ ...replica, models: [reloaded.model] })) : settled.replicas;
    this.watch(replicas, sameEngine);
    const looked: Looked[] = replicas.map((replica) => ({ replica, seen: this.watches.get(replica.id)?.seen ?? this.was.get(replica.id) }));
    return poolFacts(settled, looked, { draining: this.drain.draining, lastError: this.reloadError });
  }

  /** An engine that is asked already goes on being asked, as long as it is the same. */
  private watch(replicas: readonly SourceReplica[], sameEngine: boolean): void {
    const wanted = new Map(replicas.filter(({ ready }) => ready !== false).map((replica) => [replica.id, replica]));
    for (const [id, watch] of this.watches) {
      const replica = wanted.get(id);
      if (replica && sameEngine && isSame(replica.endpoint, watch.endpoint)) continue;
      watch.close();
      this.watches.delete(id);
      this.was.set(id, { ...watch.seen, live: false, ready: false });
    }
    const stated = new Set(replicas.map(({ id }) => id));
    for (const id of this.was.keys()) if (!stated.has(id)) this.was.delete(id);
    for (const { id, endpoint } of wanted.values()) if (!this.watches.has(id)) this.begin(id, endpoint);
  }

  private begin(id: string, endpoint: Endpoint): void {
    const { clock, adapters, turns, work, meter } = this.ports;
    const pool = this.settled.id;
    const watch = new Watch(endpoint, {
      clock,
      adapter: adapters(this.settled.engine),
      props: this.was.get(id)?.props,
      turns,
      inFlight: () => work.load(pool).inFlight.get(id) ?? 0,
      onSeen: () => this.refresh() && this.ports.onChange(pool),
      counted: (outcome) => meter.healthCheck(pool, outcome),
    });
    this.watches.set(id, watch);
    void watch.look();
  }

  private set(facts: PoolFacts): boolean {
    if (Bun.deepEquals(facts, this.facts)) return false;
    this.facts = facts;
    return true;
  }
}

function isSame(one: Endpoint, other: Endpoint): boolean {
  return one.url === other.url && one.apiKey === other.apiKey;
}

function statedModels({ replicas }: Settled): string {
  return JSON.stringify(replicas.map(({ models = [] }) => models));
}
