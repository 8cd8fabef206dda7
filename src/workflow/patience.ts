import type { CancelTimer, Clock } from "../kernel/clock.ts";

/** How long work may take to end after its signal has aborted. Then the run goes on without it. */
export const PATIENCE_MS = 10_000;

export type Outcome<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "error"; readonly error: unknown }
  /** It was told to end and has not. */
  | { readonly kind: "late" };

/** Waits for work as long as it takes, but only `ms` longer once `signal` has aborted. Never rejects. */
export async function patiently<T>(
  clock: Clock,
  work: Promise<T>,
  { signal, ms = PATIENCE_MS }: { signal: AbortSignal; ms?: number },
): Promise<Outcome<T>> {
  const late = Promise.withResolvers<Outcome<T>>();
  let cancel: CancelTimer | undefined;
  const onAbort = (): void => void (cancel ??= clock.after(ms, () => late.resolve({ kind: "late" })));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([outcomeOf(work), late.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    cancel?.();
  }
}

function outcomeOf<T>(work: Promise<T>): Promise<Outcome<T>> {
  return work.then(
    (value) => ({ kind: "value", value }) as const,
    (error: unknown) => ({ kind: "error", error }) as const,
  );
}

/** Calls `fn` once `ms` have passed on the monotonic clock, however long that is: a timer alone ends after 24 days. */
export function onDeadline(clock: Clock, ms: number, fn: () => void): CancelTimer {
  const at = clock.monotonic() + ms;
  let cancel = clock.after(ms, look);
  function look(): void {
    const left = at - clock.monotonic();
    if (left <= 0) fn();
    else cancel = clock.after(left, look);
  }
  return () => cancel();
}
