import type { CancelTimer, Clock } from "../../kernel/clock.ts";

/** How long an expiry that could not be written is left alone; until then its worker may still come back. */
const RETRY_MS = 1000;

interface Lease {
  readonly attempt: number;
  deadline: number;
  cancel: CancelTimer;
}

/** How long workers are believed to live, by the monotonic clock. A lease is renewed without touching its timer, which looks again when it fires. */
export class Leases {
  private readonly leases = new Map<string, Lease>();

  constructor(
    private readonly clock: Clock,
    readonly leaseMs: number,
    private readonly onExpired: (run: string, attempt: number) => void,
  ) {}

  /** Grants a full lease to this attempt; one that it has goes on. */
  grant(run: string, attempt: number): void {
    if (this.leases.get(run)?.attempt === attempt) return;
    this.drop(run);
    const lease: Lease = { attempt, deadline: this.clock.monotonic() + this.leaseMs, cancel: () => undefined };
    this.leases.set(run, lease);
    this.watch(run, lease);
  }

  renew(run: string): void {
    const lease = this.leases.get(run);
    if (lease) lease.deadline = this.clock.monotonic() + this.leaseMs;
  }

  /** Milliseconds; 0 when there is none, or it ran out. */
  left(run: string): number {
    const lease = this.leases.get(run);
    return lease ? Math.max(0, lease.deadline - this.clock.monotonic()) : 0;
  }

  drop(run: string): void {
    this.leases.get(run)?.cancel();
    this.leases.delete(run);
  }

  clear(): void {
    for (const run of this.leases.keys()) this.drop(run);
  }

  private watch(run: string, lease: Lease): void {
    lease.cancel = this.clock.after(this.left(run) || RETRY_MS, () => {
      const isOver = this.left(run) === 0;
      this.watch(run, lease);
      if (isOver) this.onExpired(run, lease.attempt);
    });
  }
}
