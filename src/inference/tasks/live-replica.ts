import type { Breaker } from "../placement/breaker.ts";
import type { ReplicaSnapshot } from "../placement/snapshot.ts";
import type { ReplicaFacts } from "../pools/pool.ts";

/** A replica with what we run on it: its own snapshot, so that a decision over a thousand of them copies nothing. */
export class LiveReplica implements ReplicaSnapshot {
  readonly id: string;
  /** Ours that run on it. */
  inFlight = 0;

  constructor(
    public facts: ReplicaFacts,
    readonly breaker: Breaker,
    private readonly now: () => number,
  ) {
    this.id = facts.id;
  }

  get ready(): boolean {
    return this.facts.ready;
  }

  get draining(): boolean {
    return this.facts.draining;
  }

  get broken(): boolean {
    return !this.breaker.isClosed && !this.breaker.allows(this.now());
  }

  /** Ms until its circuit lets a task through again; 0: it does, or one is under way that decides. */
  get opensInMs(): number {
    return this.breaker.isClosed ? 0 : this.breaker.opensInMs(this.now());
  }

  get slotsTotal(): number {
    return this.facts.slotsTotal;
  }

  get slotsFree(): number {
    return Math.max(0, this.facts.slotsTotal - this.facts.slotsForeign - this.inFlight);
  }

  get models(): readonly string[] | undefined {
    return this.facts.models;
  }

  get ctxMax(): number | undefined {
    return this.facts.ctxMax;
  }

  get vramTotalBytes(): number | undefined {
    return this.facts.vramTotalBytes;
  }
}
