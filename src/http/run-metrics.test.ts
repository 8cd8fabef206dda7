import { afterEach, expect, test } from "bun:test";
import type { Journal } from "../kernel/journal.ts";
import { Scratch } from "../kernel/journal-fixture.ts";
import { renderMetrics } from "./metrics.ts";
import { RunMetrics } from "./run-metrics.ts";

const open: Scratch[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one[Symbol.dispose]();
});

/** A journal that tells the metrics, as the daemon's does. */
function place(): { journal: Journal; metrics: RunMetrics; errors: unknown[]; lines: () => string[] } {
  const scratch = new Scratch();
  open.push(scratch);
  const errors: unknown[] = [];
  const journal: Journal = scratch.open({ onCommit: (committed) => metrics.committed(committed) });
  const metrics = new RunMetrics(journal, (error) => errors.push(error));
  const lines = (): string[] => renderMetrics(metrics.families()).split("\n");
  return { journal, metrics, errors, lines };
}

async function save(
  journal: Journal,
  id: string,
  row: { kind?: string; status: string; mode?: string; startedAt?: number; endedAt?: number },
): Promise<void> {
  const { kind = "plan", status } = row;
  const sql = "INSERT INTO runs (id, kind, lane, status, row, created_at) VALUES (?, ?, 'l', ?, ?, 0)";
  const event = { topic: `run/${id}`, type: `run.${status}`, data: { runId: id, kind, status } };
  await journal.append([event], [{ sql, params: [id, kind, status, JSON.stringify(row)] }]);
}

test("runs are counted when they end, whichever engine carried them", async () => {
  const { journal, lines, errors } = place();
  await save(journal, "a", { status: "completed", mode: "redis", startedAt: 1000, endedAt: 3000 });
  await save(journal, "b", { status: "completed", mode: "redis", startedAt: 1000, endedAt: 3000 });
  await save(journal, "c", { status: "canceled", mode: "local" });
  await save(journal, "d", { status: "cancelled", kind: "deploy", startedAt: 0, endedAt: 5 });
  await save(journal, "e", { status: "running" });
  await save(journal, "f", { status: "paused" });
  await save(journal, "g", { status: "pending" });
  const found = lines();
  expect(found).toContain('orco_runs_total{kind="plan",mode="redis",status="completed"} 2');
  expect(found).toContain('orco_runs_total{kind="plan",mode="local",status="canceled"} 1');
  expect(found).toContain('orco_runs_total{kind="deploy",mode="local",status="canceled"} 1');
  expect(found).toContain("orco_runs_active 2");
  expect(found).toContain('orco_run_duration_seconds_sum{kind="plan",mode="redis",status="completed"} 4');
  expect(found.filter((line) => line.startsWith("orco_run_duration_seconds_count"))).toHaveLength(2);
  expect(errors).toEqual([]);
});

test("steps by their end, executions after the first, events and transactions", async () => {
  const { journal, lines } = place();
  const step = (status: string, attempt = 1) => ({ topic: "run/a", type: `step.${status}`, data: { step: "s", status, attempt } });
  await journal.append([step("running"), step("waiting"), step("running", 2), step("failed", 2), step("skipped"), step("completed")]);
  await journal.append([{ topic: "stack/demo", type: "step.failed", data: {} }]);
  const found = lines();
  for (const status of ["failed", "skipped", "completed"]) expect(found).toContain(`orco_steps_total{status="${status}"} 1`);
  expect(found.filter((line) => line.startsWith("orco_steps_total"))).toHaveLength(3);
  expect(found).toContain("orco_step_retries_total 1");
  expect(found).toContain("orco_events_total 7");
  expect(found).toContain("orco_journal_batch_size_sum 7");
  expect(found).toContain("orco_journal_commit_seconds_count 2");
});

test("what has not happened yet is zero, and a lookup that fails harms no commit", async () => {
  const { journal, metrics, lines, errors } = place();
  expect(lines()).toContain("orco_step_retries_total 0");
  expect(lines()).toContain("orco_runs_active 0");
  journal.close();
  metrics.committed({ ms: 1, events: [{ seq: 1, topicSeq: 1, ts: 0, topic: "run/x", type: "run.failed", data: {} }] });
  expect(errors).toHaveLength(1);
});
