import type { Clock } from "../../kernel/clock.ts";
import type { ServiceProfile } from "../project.ts";
import type { Before, Target } from "../target.ts";
import { type AddressOf, ask, type HttpCheck } from "./http.ts";

/** One that was started anew so short a while ago may be about to end again. */
const LOOP_MS = 60_000;
/** Of one application check. */
const MOST_MS = 5000;
const READS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

export interface HealthNow {
  readonly target: Pick<Target, "state">;
  readonly profile: Pick<ServiceProfile, "health" | "appCheck">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly resolve?: AddressOf;
}

/**
 * How a service is before anything is changed, at one look: what it has to be again after a rollback. Its state, its healthcheck and, where the profile
 * names them, its health URL and its application check, each asked once; `none` where nothing tells. A check that may change something is not made.
 */
export async function healthNow({ target, profile, clock, signal, resolve }: HealthNow): Promise<Before["health"]> {
  const state = await target.state(signal);
  if (!state || state.status !== "running") return "not_running";
  if (state.restartCount > 0 && clock.now() - Date.parse(state.startedAt) < LOOP_MS) return "unhealthy";
  const own = state.health?.status ?? "none";
  if (own === "unhealthy" || own === "starting") return own;
  const { health, appCheck } = profile;
  const checks: (HttpCheck & { readonly timeoutMs?: number })[] = [
    ...(health ? [{ method: "GET", ...health }] : []),
    ...(appCheck && READS.has(appCheck.method) ? [appCheck] : []),
  ];
  for (const { timeoutMs = MOST_MS, ...check } of checks) {
    const { ok } = await ask(check, { clock, signal, leftMs: timeoutMs, ...(resolve && { resolve }) });
    if (!ok) return "unhealthy";
  }
  return checks.length === 0 ? own : "healthy";
}
