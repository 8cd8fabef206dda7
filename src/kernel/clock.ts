/** Stops a pending timer. Calling it twice, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/** Time and chance, injected everywhere so that tests need no sleeps. All times in milliseconds. */
export interface Clock {
  /** Wall clock, epoch ms: for what people read. May jump. */
  now(): number;
  /** Monotonic ms: for every duration and deadline. Never jumps. */
  monotonic(): number;
  /** Calls `fn` once after `ms`. */
  after(ms: number, fn: () => void): CancelTimer;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}

/** setTimeout fires at once above 2^31-1 ms, which is 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function sleepOn(clock: Pick<Clock, "after">, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(asError(signal.reason));
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    function onAbort(): void {
      cancel();
      reject(asError(signal?.reason));
    }
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** The machine's own clock. */
export function systemClock(): Clock {
  const clock: Clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(ms, fn) {
      const isLong = ms > MAX_TIMER_MS;
      let cancelRest: CancelTimer = () => undefined;
      const timer = setTimeout(
        () => {
          if (isLong) cancelRest = clock.after(ms - MAX_TIMER_MS, fn);
          else fn();
        },
        Math.min(Math.max(0, ms), MAX_TIMER_MS),
      );
      return () => {
        clearTimeout(timer);
        cancelRest();
      };
    },
    sleep: (ms, signal) => sleepOn(clock, ms, signal),
    random: () => Math.random(),
  };
  return clock;
}

/** A clock that moves only when told to. `advance` fires due timers in order and lets promises settle between. */
export class FakeClock implements Clock {
  private elapsed = 0;
  private readonly timers = new Map<number, { at: number; fn: () => void }>();
  private nextTimer = 1;

  constructor(
    private wall = Date.UTC(2026, 0, 1),
    private readonly chance: () => number = () => 0.5,
  ) {}

  now(): number {
    return this.wall + this.elapsed;
  }

  monotonic(): number {
    return this.elapsed;
  }

  random(): number {
    return this.chance();
  }

  after(ms: number, fn: () => void): CancelTimer {
    const id = this.nextTimer++;
    this.timers.set(id, { at: this.elapsed + Math.max(0, ms), fn });
    return () => void this.timers.delete(id);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /** Jumps the wall clock only, as an administrator or NTP would. */
  jumpWall(ms: number): void {
    this.wall += ms;
  }

  get pendingTimers(): number {
    return this.timers.size;
  }

  async advance(ms: number): Promise<void> {
    const end = this.elapsed + ms;
    for (;;) {
      await settle();
      const due = this.earliest(end);
      if (!due) break;
      this.timers.delete(due.id);
      this.elapsed = Math.max(this.elapsed, due.at);
      due.fn();
    }
    this.elapsed = end;
    await settle();
  }

  private earliest(end: number): { id: number; at: number; fn: () => void } | undefined {
    let best: { id: number; at: number; fn: () => void } | undefined;
    for (const [id, timer] of this.timers) {
      if (timer.at <= end && (!best || timer.at < best.at)) best = { id, ...timer };
    }
    return best;
  }
}

/** Enough turns of the microtask queue for chains of awaits to run on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
