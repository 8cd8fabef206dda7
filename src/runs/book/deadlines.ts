import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { hasEnded, isRemote } from "./moves.ts";
import type { RunRecord } from "../record.ts";

const RETRY_MS = 1000;

/** `timeout_ms` of runs whose steps this daemon does not see: for the others their driver looks at it. */
export class Deadlines {
  private readonly timers = new Map<string, CancelTimer>();

  constructor(
    private readonly clock: Clock,
    private readonly graceMs: number,
    private readonly onOver: (run: string) => void,
  ) {}

  /** Idempotent. */
  sync(run: RunRecord): void {
    const { id, startedAt, timeoutMs } = run;
    if (hasEnded(run)) return this.drop(id);
    if (timeoutMs === undefined || startedAt === undefined || !isRemote(run) || this.timers.has(id)) return;
    // Who executes a plan looks at the time too, and ends it in order.
    const graceMs = run.kind === "external" ? 0 : this.graceMs;
    this.watch(id, Math.min(timeoutMs, startedAt + timeoutMs - this.clock.now()) + graceMs);
  }

  clear(): void {
    for (const run of this.timers.keys()) this.drop(run);
  }

  private watch(run: string, ms: number): void {
    const over = (): void => {
      this.watch(run, RETRY_MS);
      this.onOver(run);
    };
    this.timers.set(run, this.clock.after(ms, over));
  }

  private drop(run: string): void {
    this.timers.get(run)?.();
    this.timers.delete(run);
  }
}
