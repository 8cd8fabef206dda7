import type { Traffic } from "../../edge/traffic.ts";
import type { Clock } from "../../kernel/clock.ts";
import { errnoOf } from "../../kernel/errors.ts";
import type { FrontSync } from "./sync.ts";

export interface Withdrawal {
  readonly service: string;
  /** Under which the instance stands in the table. */
  readonly targets: readonly string[];
  readonly drainTimeoutMs: number;
  readonly force: AbortSignal;
}

interface WithdrawPorts {
  readonly traffic: Pick<Traffic, "drained">;
  readonly sync: Pick<FrontSync, "served">;
  readonly clock: Clock;
}

/** Workers count the drain timeout from when they learned of it. */
const LATE_MS = 2000;

/**
 * Resolves when an instance that is to stop gets nothing new and nothing of it is in flight, at the latest a little after the drain timeout:
 * a table that cannot be written must not keep an instance alive for ever. Where the edge cannot listen there is no traffic. Never rejects.
 */
export async function withdraw(withdrawal: Withdrawal, { traffic, sync, clock }: WithdrawPorts): Promise<void> {
  const { service, targets, drainTimeoutMs, force } = withdrawal;
  if (targets.length === 0 || force.aborted) return;
  const over = new AbortController();
  const signal = AbortSignal.any([force, over.signal]);
  const late = clock.sleep(drainTimeoutMs + LATE_MS, signal).catch(() => undefined);
  const drained = sync
    .served(service)
    .then(() => Promise.all(targets.map((target) => traffic.drained(target, signal))))
    .catch((error: unknown) => (errnoOf(error) === "port_in_use" ? undefined : late));
  await Promise.race([drained, late]);
  over.abort();
}
