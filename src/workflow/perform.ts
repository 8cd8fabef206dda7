import type { Clock } from "../kernel/clock.ts";
import { formatSpan } from "../kernel/duration.ts";
import { OrcoError } from "../kernel/errors.ts";
import { onDeadline, patiently } from "./patience.ts";

interface Work<T> {
  /** For the message: `step build`. */
  readonly what: string;
  readonly act: (signal: AbortSignal) => Promise<T>;
  readonly signal: AbortSignal;
  readonly timeoutMs: number | undefined;
}

export type Performed<T> =
  | { readonly kind: "value"; readonly value: T }
  /** `value`: it came all the same, but too late. */
  | { readonly kind: "error"; readonly error: unknown; readonly value?: T }
  /** It was told to end and goes on. */
  | { readonly kind: "late"; readonly error: unknown; readonly work: Promise<T> };

/** Runs work whose signal aborts with `signal` or after `timeoutMs`, whichever comes first: that one is the error. Never rejects. */
export async function perform<T>(clock: Clock, { what, act, signal, timeoutMs }: Work<T>): Promise<Performed<T>> {
  const own = new AbortController();
  const onAbort = (): void => own.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  const timeout = new OrcoError("timeout", `${what} took longer than ${formatSpan(timeoutMs ?? 0)}`, { timeout_ms: timeoutMs ?? 0 });
  const cancel = timeoutMs === undefined ? undefined : onDeadline(clock, timeoutMs, () => own.abort(timeout));
  const work = (async () => act(own.signal))();
  const outcome = await patiently(clock, work, { signal: own.signal });
  cancel?.();
  signal.removeEventListener("abort", onAbort);
  if (outcome.kind === "late") return { kind: "late", error: own.signal.reason, work };
  const timedOut = own.signal.reason === timeout;
  if (outcome.kind === "error") return { kind: "error", error: timedOut ? timeout : outcome.error };
  return timedOut ? { kind: "error", error: timeout, value: outcome.value } : outcome;
}
