import { expect, test } from "bun:test";
import { REPAIR_STATUSES } from "../repair/record.ts";
import { renderMetrics } from "./metrics.ts";
import { RepairMetrics } from "./repair-metrics.ts";

const RUN = { id: "1", service: "api" };

function lineOf(metrics: RepairMetrics, name: string): string | undefined {
  return renderMetrics(metrics.families())
    .split("\n")
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length + 1);
}

test("every status and every outcome of a step is there before it happens", () => {
  const metrics = new RepairMetrics(() => 0);
  for (const status of REPAIR_STATUSES) {
    expect(lineOf(metrics, `orco_repair_runs_total{status="${status}"}`)).toBe("0");
    metrics.status(RUN, status);
    expect(lineOf(metrics, `orco_repair_runs_total{status="${status}"}`)).toBe("1");
  }
  expect(lineOf(metrics, 'orco_repair_steps_total{step="rollback",outcome="failed"}')).toBe("0");
  metrics.step("rollback", "failed", 1500);
  expect(lineOf(metrics, 'orco_repair_steps_total{step="rollback",outcome="failed"}')).toBe("1");
  expect(lineOf(metrics, 'orco_repair_step_duration_seconds_sum{step="rollback"}')).toBe("1.5");
});

test("the time to repair is that of runs that succeeded, and its mean is over the last hundred", () => {
  let waiting = 2;
  const metrics = new RepairMetrics(() => waiting);
  expect(lineOf(metrics, "orco_repair_mttr_mean_seconds")).toBe("0");
  metrics.status(RUN, "rolled_back", 500_000);
  metrics.status(RUN, "succeeded", 1_000_000);
  expect(lineOf(metrics, "orco_repair_mttr_mean_seconds")).toBe("1000");
  for (let n = 0; n < 100; n++) metrics.status(RUN, "succeeded", 2000);
  expect(lineOf(metrics, "orco_repair_mttr_mean_seconds")).toBe("2");
  expect(lineOf(metrics, "orco_repair_mttr_seconds_count")).toBe("101");
  expect(lineOf(metrics, "orco_repair_mttr_seconds_sum")).toBe("1200");
  expect(lineOf(metrics, 'orco_repair_run_duration_seconds_sum{status="rolled_back"}')).toBe("500");
  expect(lineOf(metrics, "orco_repair_awaiting_approval")).toBe("2");
  waiting = 0;
  expect(lineOf(metrics, "orco_repair_awaiting_approval")).toBe("0");
});
