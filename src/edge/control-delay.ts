import type { Clock } from "../kernel/clock.ts";

const FIRST_MS = 100;
const MAX_MS = 2_000;
const HOPELESS_FAILURES = 4;
/** Who served this long did not die of its start. Starting one costs 50 ms of CPU time: being too quick is the smaller harm. */
const PROVEN_MS = 250;

/** How long the next start waits: not at all after a worker that had proven itself, ever longer while they die as they start. */
export class RestartDelay {
  private failures = 0;

  constructor(private readonly clock: Clock) {}

  /** Of a worker that had said hello. */
  ended(servedMs: number): void {
    if (servedMs < PROVEN_MS) this.failed();
    else this.failures = 0;
  }

  /** What failed before says nothing about the next start. */
  reset(): void {
    this.failures = 0;
  }

  failed(): void {
    this.failures++;
  }

  get ms(): number {
    // One early death may be chance, or somebody's hand.
    return this.failures < 2 ? 0 : Math.min(MAX_MS, FIRST_MS * 2 ** (this.failures - 2));
  }

  get hopeless(): boolean {
    return this.failures >= HOPELESS_FAILURES;
  }

  wait(): Promise<void> {
    return this.ms === 0 ? Promise.resolve() : this.clock.sleep(this.ms);
  }
}
