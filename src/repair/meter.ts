import type { RepairStatus, StepName } from "./record.ts";

export interface MeteredRun {
  readonly id: string;
  /** As compose names it. */
  readonly service: string;
}

/** What happens to repairs, for metrics: `http/repair-metrics.ts` and `meter-statsd.ts` count it. Times in ms. Never throws. */
export interface RepairMeter {
  /** A run has got another status, `queued` first. `durationMs`, of one that is over: since it was queued. */
  status(run: MeteredRun, status: RepairStatus, durationMs?: number): void;
  step(name: StepName, outcome: StepOutcome, durationMs?: number): void;
}

export type StepOutcome = "started" | "succeeded" | "failed" | "skipped";

/** Tells each of them. */
export function allMeters(...meters: readonly RepairMeter[]): RepairMeter {
  return {
    status: (run, status, durationMs) => meters.forEach((meter) => meter.status(run, status, durationMs)),
    step: (name, outcome, durationMs) => meters.forEach((meter) => meter.step(name, outcome, durationMs)),
  };
}
