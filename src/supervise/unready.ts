import type { Clock } from "../kernel/clock.ts";
import type { SlotCell } from "./cell.ts";
import type { Endings } from "./endings.ts";
import { withFlap } from "./flaps.ts";
import type { HealthSpec, Verdict } from "./health.ts";
import type { Live } from "./live.ts";
import type { SupervisorPorts } from "./supervised.ts";

interface UnreadyParts {
  readonly cell: SlotCell;
  readonly ports: Pick<SupervisorPorts, "clock" | "strain" | "suspect">;
  readonly endings: Pick<Endings, "fail">;
}

/**
 * What becomes of an instance whose probes fail. While what it needs is away it is left alone: a restart mends nothing, and thirty of them are a storm. When
 * that is back it has as long to become ready as a running service has to be found unready; then the failure counts.
 */
export class Unready {
  private deferred: string | undefined;
  private backAt: number | undefined;

  constructor(private readonly parts: UnreadyParts) {}

  /** It is ready after all, or another start has begun. */
  clear(): void {
    this.deferred = undefined;
  }

  async found(live: Live, { detail }: Verdict, { force, leaving }: { force: AbortSignal; leaving: () => boolean }): Promise<void> {
    const { cell, ports, endings } = this.parts;
    const message = `probe failing: ${detail}`;
    const { readyForMs } = cell;
    const { ready } = cell.slot;
    await cell.change({ ready: false, readyAt: undefined, reason: "probe_unready", message }, "instance.unready");
    if (leaving()) return;
    // Who uses a database may notice before its own probes do.
    const excused = this.isStrained || (await ports.suspect?.(cell.slot)) !== undefined;
    if (ready && !excused) void cell.change({ flaps: withFlap(cell.slot.flaps, ports.clock.now()) });
    if (live.prepared.health?.onUnready !== "restart" || leaving()) return;
    if (excused) return this.defer(message);
    await endings.fail(live, { readyForMs, failure: "probe_unready", message }, force);
  }

  /** Milliseconds until a failure that was put off counts, Infinity while it is excused or there is none. */
  dueMs(live: Live): number {
    if (this.deferred === undefined) return Infinity;
    if (this.isStrained) this.backAt = undefined;
    else this.backAt ??= this.now();
    return this.backAt === undefined ? Infinity : Math.max(0, this.backAt + patienceMs(live.prepared.health) - this.now());
  }

  /** It counts now. */
  async count(live: Live, force: AbortSignal): Promise<void> {
    const { deferred: message = "" } = this;
    this.clear();
    await this.parts.endings.fail(live, { readyForMs: 0, failure: "probe_unready", message }, force);
  }

  private defer(message: string): void {
    this.deferred = message;
    this.backAt = undefined;
  }

  private get isStrained(): boolean {
    return this.parts.ports.strain?.(this.parts.cell.slot) !== undefined;
  }

  private now(): ReturnType<Clock["monotonic"]> {
    return this.parts.ports.clock.monotonic();
  }
}

function patienceMs(health: HealthSpec | undefined): number {
  return health ? health.gracePeriodMs + health.failureThreshold * (health.intervalMs + health.timeoutMs) : 0;
}
