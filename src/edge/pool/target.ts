import type { CancelTimer } from "../../kernel/clock.ts";
import type { Target } from "../route.ts";
import { InFlight } from "./in-flight.ts";
import type { Lease } from "./lease.ts";

/** One target as a worker counts it. It lives while the table names it or something is in flight on it. */
export class PoolTarget {
  /** Smooth weighted round-robin: how much it is owed (pick.ts). */
  owed = 0;
  /** What is in flight on it. */
  readonly leases = new InFlight<Lease>();
  /** How many were cut at its drain timeout. */
  cut = 0;
  private cancelDeadline: CancelTimer | undefined;

  constructor(
    public spec: Target,
    /** What a sticky cookie says to mean it. */
    readonly stick: string,
    /** Told whenever one of its leases ends. */
    readonly freed: (target: PoolTarget) => void,
  ) {}

  get draining(): boolean {
    return this.spec.state === "draining";
  }

  /** `deadline` starts the timer and returns how to stop it. Once a target drains, a later table does not move its deadline. */
  drainUntil(deadline: (() => CancelTimer) | undefined): void {
    this.cancelDeadline ??= deadline?.();
  }

  keep(): void {
    this.cancelDeadline?.();
    this.cancelDeadline = undefined;
  }

  /** Ends everything in flight. Whoever holds a lease releases it when it is over. */
  cutAll(): void {
    for (const lease of this.leases.all()) {
      this.cut++;
      lease.claim.cut();
    }
  }
}
