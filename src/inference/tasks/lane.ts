import { Breaker } from "../placement/breaker.ts";
import type { PoolSnapshot } from "../placement/snapshot.ts";
import type { Policy, PoolFacts } from "../pools/pool.ts";
import { Drain, type PlaceInQueue } from "../queue/eta.ts";
import { AdmissionQueue } from "../queue/queue.ts";
import type { EngineKind } from "../request.ts";
import { LiveReplica } from "./live-replica.ts";
import type { LiveTask } from "./live-task.ts";
import { Unserved } from "./unserved.ts";

/** For which many refusals in a row are told the same. */
const BACKOFF_MS = 100;

export interface LaneOptions {
  readonly capacity: number;
  readonly admission: "reject" | "drop-lru";
  readonly ageingMs: number;
  readonly policy: Policy;
  readonly breaker: { readonly failures: number; readonly openMs: number };
  /** Monotonic ms. */
  readonly now: () => number;
}

type Slots = Pick<PlaceInQueue, "slotsTotal" | "slotsFree">;
type Place = Omit<PlaceInQueue, keyof Slots>;

/** Behind open circuits. */
interface Shut extends Slots {
  /** Ms until the first of them is probed. */
  readonly opensInMs: number;
  /** Of the replicas. */
  readonly ids: ReadonlySet<string>;
}

/** One pool with what waits and runs in it: its own snapshot for placement. The desk alone changes it. */
export class Lane implements PoolSnapshot {
  readonly id: string;
  readonly queue: AdmissionQueue;
  readonly drain: Drain;
  /** Wait for a slot to be tried again; before everything that has not begun. */
  readonly retrying: LiveTask[] = [];
  /** By id. */
  replicas: readonly LiveReplica[] = [];
  /** No longer of the pool, with tasks of ours that still take slots of theirs: they may come back. */
  private departed: readonly LiveReplica[] = [];
  /** Dispatched so far, for round-robin. */
  turn = 0;
  private backoff: { readonly at: number; readonly ms: number } | undefined;
  /** What waits in vain. */
  readonly unserved = new Unserved();

  /** `former`: of a pool of this id that was removed while tasks ran, which still take slots of the same engines. */
  constructor(
    public facts: PoolFacts,
    private readonly options: LaneOptions,
    former: readonly LiveReplica[] = [],
  ) {
    this.id = facts.id;
    this.replicas = former;
    this.drain = new Drain(options);
    this.queue = new AdmissionQueue({ capacity: options.capacity, policy: options.admission, ageingMs: options.ageingMs });
    this.update(facts);
  }

  get engine(): EngineKind {
    return this.facts.engine;
  }

  get models(): readonly string[] {
    return this.facts.models;
  }

  get policy(): Policy {
    return this.facts.policy ?? this.options.policy;
  }

  get draining(): boolean {
    return this.facts.draining;
  }

  get queueDepth(): number {
    return this.queue.size;
  }

  get slotsFree(): number {
    return this.replicas.reduce((sum, { ready, slotsFree }) => sum + (ready ? slotsFree : 0), 0);
  }

  /** Ms until a task of this place starts. What is behind an open circuit is no free slot before its next probe, at the earliest. */
  predict(place: Place, now: number): number {
    const { open, shut } = this.slots();
    const { drain } = this;
    if (shut.slotsTotal === 0 || place.position < open.slotsFree) return drain.predict({ ...place, ...open }, now);
    const both = { slotsTotal: open.slotsTotal + shut.slotsTotal, slotsFree: open.slotsFree + shut.slotsFree };
    const probed = shut.opensInMs + drain.predict({ ...place, ...both }, now);
    return open.slotsTotal === 0 ? probed : Math.min(probed, drain.predict({ ...place, ...open, without: shut.ids }, now));
  }

  /** Of replicas whose circuits let tasks through, or are being probed, and of those where that takes time. */
  private slots(): { readonly open: Slots; readonly shut: Shut } {
    const open = { slotsTotal: 0, slotsFree: 0 };
    const shut = { slotsTotal: 0, slotsFree: 0, opensInMs: Number.POSITIVE_INFINITY, ids: new Set<string>() };
    for (const replica of this.replicas) {
      if (!replica.ready) continue;
      const { opensInMs } = replica;
      const side = opensInMs > 0 ? shut : open;
      side.slotsTotal += replica.slotsTotal;
      if (side === shut || !replica.broken) side.slotsFree += replica.slotsFree;
      if (side !== shut) continue;
      shut.opensInMs = Math.min(shut.opensInMs, opensInMs);
      shut.ids.add(replica.id);
    }
    return { open, shut };
  }

  /** Ms until one more task may wait, as it was a moment ago: refusals come most often when there is no time for predictions. */
  untilPlaceFree(): number {
    const now = this.options.now();
    if (this.replicas.some(({ ready, broken, slotsFree }) => ready && !broken && slotsFree > 0)) return 0;
    if (this.backoff === undefined || now - this.backoff.at >= BACKOFF_MS)
      this.backoff = { at: now, ms: Math.round(this.predict({ position: 0 }, now)) };
    return this.backoff.ms;
  }

  replica(id: string): LiveReplica | undefined {
    return this.replicas.find((replica) => replica.id === id);
  }

  /** Takes over what the sources say. A replica that is still there, or back while something runs on it, keeps that, and its breaker. */
  update(facts: PoolFacts): void {
    this.facts = facts;
    const { now, breaker } = this.options;
    const known = this.everyReplica();
    const byId = Map.groupBy(known, ({ id }) => id);
    this.replicas = facts.replicas
      .map((one) => {
        const same = byId.get(one.id)?.find(({ facts: { endpoint } }) => endpoint.url === one.endpoint.url);
        if (!same) return new LiveReplica(one, new Breaker(breaker), now);
        same.facts = one;
        return same;
      })
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const present = new Set(this.replicas);
    this.departed = known.filter((replica) => replica.inFlight > 0 && !present.has(replica));
  }

  /** Those that have left as well, as long as something of ours runs on them. */
  everyReplica(): readonly LiveReplica[] {
    return [...this.replicas, ...this.departed.filter(({ inFlight }) => inFlight > 0)];
  }
}
