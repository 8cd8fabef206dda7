import type { Clock } from "../kernel/clock.ts";

export interface BudgetLimit {
  readonly restarts: number;
  readonly windowMs: number;
}

/** Restarts that nobody asked for, of a stack that says nothing about it. */
const MIN_RESTARTS = 30;
const RESTARTS_PER_INSTANCE = 2;
const WINDOW_MS = 10_000;

export function defaultBudget(instances: number): BudgetLimit {
  return { restarts: Math.max(MIN_RESTARTS, RESTARTS_PER_INSTANCE * instances), windowMs: WINDOW_MS };
}

interface BudgetOptions {
  readonly clock: Pick<Clock, "monotonic">;
  readonly limit: () => BudgetLimit;
  /** It has just been used up; told once until there was room again. */
  readonly onExhausted: (limit: BudgetLimit) => void;
}

/** How often instances of one stack may be restarted by themselves, all together: a failure that takes everything along must not become a storm. */
export class RestartBudget {
  /** Of the restarts within the window, oldest first; never more than the limit. */
  private taken: readonly number[] = [];
  private exhausted = false;

  constructor(private readonly options: BudgetOptions) {}

  /** 0: it may restart, and that is taken from the budget; else milliseconds until there may be room. */
  admit(): number {
    const { clock, limit, onExhausted } = this.options;
    const now = clock.monotonic();
    const bounds = limit();
    const { taken, waitMs } = decideAdmission(this.taken, bounds, now);
    this.taken = taken;
    if (waitMs > 0 && !this.exhausted) onExhausted(bounds);
    // Those who wait come one by one as room comes: it is over only when half of it is free.
    if (waitMs > 0) this.exhausted = true;
    else if (taken.length <= bounds.restarts / 2) this.exhausted = false;
    return waitMs;
  }
}

/** A sliding window. Pure. */
export function decideAdmission(
  before: readonly number[],
  { restarts, windowMs }: BudgetLimit,
  now: number,
): { readonly taken: readonly number[]; readonly waitMs: number } {
  const within = before.filter((at) => now - at < windowMs);
  const [oldest = now] = within.slice(-restarts);
  if (within.length >= restarts) return { taken: within, waitMs: Math.max(1, oldest + windowMs - now) };
  return { taken: [...within, now], waitMs: 0 };
}
