import type { Clock } from "../kernel/clock.ts";

interface Waiter {
  readonly holds: () => boolean;
  readonly resolve: (held: boolean) => void;
}

/** Promises for conditions over what the workers have told: looked at again whenever something has changed. */
export class Waiters {
  private readonly waiting = new Set<Waiter>();

  constructor(private readonly clock: Clock) {}

  /** True when it holds, false when it did not within `timeoutMs`. Rejects with the reason of the signal. */
  async until(holds: () => boolean, { timeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal | undefined }): Promise<boolean> {
    signal?.throwIfAborted();
    if (holds()) return true;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const waiter: Waiter = { holds, resolve };
    this.waiting.add(waiter);
    const cancel = timeoutMs === undefined ? undefined : this.clock.after(timeoutMs, () => resolve(false));
    const onAbort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener("abort", onAbort, { once: true });
    return promise.finally(() => {
      cancel?.();
      signal?.removeEventListener("abort", onAbort);
      this.waiting.delete(waiter);
    });
  }

  look(): void {
    for (const { holds, resolve } of this.waiting) if (holds()) resolve(true);
  }
}
