import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import type { Claim, Lease } from "./lease.ts";

/** A claim that waits until there is a target. */
export interface HeldClaim extends Claim {
  admit(lease: Lease): void;
  /** Nobody came in time, or the front is gone. */
  giveUp(): void;
}

interface Held {
  readonly claim: HeldClaim;
  /** Monotonic ms. */
  readonly deadline: number;
}

/** Those who wait, first come first served. One timer for all of them. */
export class HoldQueue {
  private readonly waiting = new Set<Held>();
  private cancelTimer: CancelTimer | undefined;
  private timerAt = Infinity;

  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.waiting.size;
  }

  /** Returns how to leave the queue without a word. */
  push(claim: HeldClaim, timeoutMs: number): () => void {
    const held = { claim, deadline: this.clock.monotonic() + timeoutMs };
    this.waiting.add(held);
    this.arm(held.deadline);
    return () => void this.waiting.delete(held);
  }

  /** Offers the longest waiting to `lease` one by one, until that has none for one of them. Who is admitted may come back or leave meanwhile. */
  admit(lease: (claim: HeldClaim) => Lease | undefined): void {
    for (const held of Array.from(this.waiting)) {
      if (!this.waiting.has(held)) continue;
      const got = lease(held.claim);
      if (!got) continue;
      this.waiting.delete(held);
      held.claim.admit(got);
    }
  }

  giveUpAll(): void {
    this.giveUp(() => true);
  }

  private giveUp(which: (held: Held) => boolean): void {
    for (const held of Array.from(this.waiting)) {
      if (which(held) && this.waiting.delete(held)) held.claim.giveUp();
    }
  }

  private arm(at: number): void {
    if (at >= this.timerAt) return;
    this.cancelTimer?.();
    this.timerAt = at;
    this.cancelTimer = this.clock.after(at - this.clock.monotonic(), () => this.expire());
  }

  private expire(): void {
    this.timerAt = Infinity;
    const now = this.clock.monotonic();
    this.giveUp(({ deadline }) => deadline <= now);
    for (const { deadline } of this.waiting) this.arm(deadline);
  }
}
