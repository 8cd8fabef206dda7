import type { Clock } from "../../kernel/clock.ts";
import { formatSpan } from "../../kernel/duration.ts";
import type { ProbeResult } from "../health.ts";

/** One look at the service. Never rejects: what went wrong is the detail. An abort ends it soon; its result is then of no interest. */
export type Probe = (signal: AbortSignal) => Promise<ProbeResult>;

export interface ProbePorts {
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** What a probe found out, before it is timed. */
export interface Finding {
  readonly ok: boolean;
  readonly detail: string;
}

/** Where a connection goes, and how it is named in details. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
}

/** Runs `look` under the time limit; `what` names it in "… timed out after 1s". */
export async function timed(
  what: string,
  { clock, timeoutMs, signal }: ProbePorts & { signal: AbortSignal },
  look: (signal: AbortSignal) => Promise<Finding>,
): Promise<ProbeResult> {
  const began = clock.monotonic();
  const limit = new AbortController();
  const onAbort = (): void => limit.abort();
  signal.addEventListener("abort", onAbort, { once: true });
  const ended = Promise.withResolvers<Finding>();
  const cancel = clock.after(timeoutMs, () => {
    ended.resolve({ ok: false, detail: `${what} timed out after ${formatSpan(timeoutMs)}` });
    limit.abort();
  });
  try {
    const finding = await Promise.race([ended.promise, look(limit.signal)]);
    return { ...finding, latencyMs: clock.monotonic() - began };
  } catch (error) {
    return { ok: false, detail: `${what} ${reasonOf(error)}`, latencyMs: clock.monotonic() - began };
  } finally {
    cancel();
    signal.removeEventListener("abort", onAbort);
    limit.abort();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "was reset",
  EPIPE: "was reset",
  EHOSTUNREACH: "found no route",
  ENETUNREACH: "found no route",
  ENOTFOUND: "failed: the host name does not resolve",
};

function reasonOf(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? `failed: ${error instanceof Error ? error.message : String(error)}`;
}
