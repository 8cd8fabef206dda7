import type { MeteredRun, RepairMeter, StepOutcome } from "../repair/meter.ts";
import { REPAIR_STATUSES, type RepairStatus, STEP_NAMES, type StepName } from "../repair/record.ts";
import { type Family, Histogram, Series } from "./metrics.ts";

/** Seconds: from a report to a build that takes an hour, with an approval in between. */
const RUN_BOUNDS = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400];
const STEP_BOUNDS = [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800];
/** How many of the last repairs the mean is of. */
const RECENT = 100;

/** Metrics of repairs (repair.md), counted since this daemon began. `awaiting`: how many wait for an approval just now. */
export class RepairMetrics implements RepairMeter {
  private readonly runs = new Series({ name: "orco_repair_runs_total", help: "Repairs that came to a status.", type: "counter" });
  private readonly took = new Histogram(
    { name: "orco_repair_run_duration_seconds", help: "From queued to the end, by how it ended." },
    RUN_BOUNDS,
  );
  private readonly steps = new Series({ name: "orco_repair_steps_total", help: "Steps begun and ended.", type: "counter" });
  private readonly stepTook = new Histogram({ name: "orco_repair_step_duration_seconds", help: "Time of a step." }, STEP_BOUNDS);
  private readonly repaired = new Histogram(
    { name: "orco_repair_mttr_seconds", help: "Time to repair: from queued to succeeded." },
    RUN_BOUNDS,
  );
  private readonly recentMs: number[] = [];

  constructor(private readonly awaiting: () => number) {
    for (const status of REPAIR_STATUSES) this.runs.set({ status }, 0);
    for (const step of STEP_NAMES) for (const outcome of ["succeeded", "failed", "skipped"]) this.steps.set({ step, outcome }, 0);
  }

  status(_: MeteredRun, status: RepairStatus, durationMs?: number): void {
    this.runs.add({ status });
    if (durationMs === undefined) return;
    const ms = Math.max(0, durationMs);
    this.took.observe({ status }, ms / 1000);
    if (status !== "succeeded") return;
    this.repaired.observe({}, ms / 1000);
    this.recentMs.push(ms);
    if (this.recentMs.length > RECENT) this.recentMs.shift();
  }

  step(step: StepName, outcome: StepOutcome, durationMs?: number): void {
    this.steps.add({ step, outcome });
    if (durationMs !== undefined) this.stepTook.observe({ step }, Math.max(0, durationMs) / 1000);
  }

  families(): Family[] {
    const { recentMs } = this;
    const meanMs = recentMs.reduce((sum, ms) => sum + ms, 0) / Math.max(1, recentMs.length);
    return [
      this.runs.family(),
      this.took.family(),
      this.steps.family(),
      this.stepTook.family(),
      this.repaired.family(),
      gauge("orco_repair_mttr_mean_seconds", "Mean time to repair over the last 100 that succeeded; 0 before the first.", meanMs / 1000),
      gauge("orco_repair_awaiting_approval", "Repairs that wait for an approval.", this.awaiting()),
    ];
  }
}

function gauge(name: string, help: string, value: number): Family {
  return { name, help, type: "gauge", samples: [{ labels: {}, value }] };
}
