import type { Clock } from "../kernel/clock.ts";
import { type HeldClaim, HoldQueue } from "./pool/hold.ts";
import { type Claim, Lease } from "./pool/lease.ts";
import { pick, pickByKey } from "./pool/pick.ts";
import { stickOf } from "./pool/sticky.ts";
import { PoolTarget } from "./pool/target.ts";
import { type Front, MAX_HELD, type Target } from "./route.ts";

export interface PoolEvents {
  /** A draining target has nothing in flight any more, or something on it was cut. */
  drainChanged(target: string): void;
}

/** Of a target that gets nothing new. */
export interface DrainCount {
  readonly target: string;
  readonly inFlight: number;
  readonly cut: number;
}

/** Who gets which target of one front, in one worker. Counters outlive the table: `update` takes over what is in flight. */
export class Pool {
  private readonly targets = new Map<string, PoolTarget>();
  private active: readonly PoolTarget[] = [];
  private readonly queue: HoldQueue;
  private readonly freed = (target: PoolTarget): void => this.onFreed(target);

  constructor(
    private front: Front,
    private readonly clock: Clock,
    private readonly events: PoolEvents,
  ) {
    this.queue = new HoldQueue(clock);
    this.update(front);
  }

  get held(): number {
    return this.queue.size;
  }

  get inFlight(): number {
    let sum = 0;
    for (const { leases } of this.targets.values()) sum += leases.size;
    return sum;
  }

  /** A target for the claim, counted at once. Undefined when no active one is left for it. */
  acquire(claim: Claim): Lease | undefined {
    const { refused } = claim;
    const candidates = refused?.size ? this.active.filter(({ spec }) => !refused.has(spec.id)) : this.active;
    const { sticky, balance } = this.front;
    const known = sticky && claim.stick ? this.byStick(claim.stick, candidates) : undefined;
    const chosen = known ?? pick(balance, candidates);
    if (!chosen) return undefined;
    const newStick = sticky && "cookie" in sticky && !known ? chosen.stick : undefined;
    return new Lease(claim, chosen, newStick);
  }

  /** Waits for a target after `acquire` had none. Undefined when too many wait already, or the front lets nobody wait; else how to stop waiting. */
  hold(claim: HeldClaim): (() => void) | undefined {
    if (this.front.holdTimeoutMs <= 0 || this.queue.size >= MAX_HELD) return undefined;
    return this.queue.push(claim, this.front.holdTimeoutMs);
  }

  /** The front as the newest table has it. */
  update(front: Front): void {
    this.front = front;
    const named = new Set(front.targets.map(({ id }) => id));
    for (const spec of front.targets) this.place(spec);
    for (const target of this.targets.values()) if (!named.has(target.spec.id)) this.dismiss(target);
    const active = front.targets.flatMap(({ id, state }) => (state === "active" ? (this.targets.get(id) ?? []) : []));
    // Turns are only comparable among the same targets.
    if (!sameTargets(active, this.active)) for (const target of active) target.owed = 0;
    this.active = active;
    if (active.length > 0) this.queue.admit((claim) => this.acquire(claim));
  }

  /** The front is gone: nobody is admitted any more, what is in flight goes on. */
  close(): void {
    this.update({ ...this.front, targets: [] });
    this.queue.giveUpAll();
  }

  /** Of all targets that get nothing new; those the table forgot as long as something is in flight on them. */
  draining(): DrainCount[] {
    return [...this.targets.values()]
      .filter(({ draining }) => draining)
      .map(({ spec, leases, cut }) => ({ target: spec.id, inFlight: leases.size, cut }));
  }

  /** Ends everything in flight. */
  cutAll(): void {
    for (const target of this.targets.values()) target.cutAll();
  }

  private byStick(stick: string, candidates: readonly PoolTarget[]): PoolTarget | undefined {
    if (this.front.sticky && "header" in this.front.sticky) return pickByKey(stick, candidates);
    return candidates.find((target) => target.stick === stick);
  }

  private place(spec: Target): void {
    const known = this.targets.get(spec.id);
    const target = known ?? new PoolTarget(spec, stickOf(this.front.id, spec.id), this.freed);
    if (!known) this.targets.set(spec.id, target);
    target.spec = spec;
    if (spec.state === "active") return target.keep();
    const { drainTimeoutMs } = spec;
    if (drainTimeoutMs !== undefined) target.drainUntil(() => this.clock.after(drainTimeoutMs, () => this.cut(target)));
  }

  /** The table does not name it any more: it goes when nothing is in flight on it. */
  private dismiss(target: PoolTarget): void {
    target.spec = { ...target.spec, state: "draining" };
    if (target.leases.size > 0) return;
    target.keep();
    this.targets.delete(target.spec.id);
  }

  private cut(target: PoolTarget): void {
    if (target.leases.size === 0) return;
    target.cutAll();
    this.events.drainChanged(target.spec.id);
  }

  private onFreed(target: PoolTarget): void {
    if (!target.draining || target.leases.size > 0) return;
    if (!this.front.targets.some(({ id }) => id === target.spec.id)) this.dismiss(target);
    this.events.drainChanged(target.spec.id);
  }
}

function sameTargets(some: readonly PoolTarget[], others: readonly PoolTarget[]): boolean {
  return some.length === others.length && some.every((target, at) => target === others[at]);
}
