import type { JournalEvent } from "../kernel/event.ts";
import type { Journal } from "../kernel/journal.ts";
import type { Committed } from "../kernel/journal-commit.ts";
import { type Family, Histogram, Series } from "./metrics.ts";

/** Seconds: from a no-op to a day. */
const DURATION_BOUNDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400];
const COMMIT_BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024];
/** `cancelled`: what changes of the system were called before. */
const RUN_ENDS: ReadonlyMap<string, string> = new Map([
  ["run.completed", "completed"],
  ["run.failed", "failed"],
  ["run.canceled", "canceled"],
  ["run.cancelled", "canceled"],
]);
const STEP_ENDS: ReadonlySet<string> = new Set(["completed", "failed", "skipped", "canceled", "delivered", "undone", "undo_failed"]);

interface EndedRun {
  readonly kind: string;
  readonly mode: string | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** Metrics of runs (runs.md), of plans and of changes of the system: counters are read from what the journal commits, since this daemon began. */
export class RunMetrics {
  private readonly runs = new Series({ name: "orco_runs_total", help: "Runs ended.", type: "counter" });
  private readonly duration = new Histogram(
    { name: "orco_run_duration_seconds", help: "From the first start to the end." },
    DURATION_BOUNDS,
  );
  private readonly steps = new Series({ name: "orco_steps_total", help: "Steps ended.", type: "counter" });
  private readonly retries = new Series({
    name: "orco_step_retries_total",
    help: "Executions of steps after their first.",
    type: "counter",
  });
  private readonly events = new Series({ name: "orco_events_total", help: "Events written to the journal.", type: "counter" });
  private readonly commit = new Histogram(
    { name: "orco_journal_commit_seconds", help: "Time of a transaction of the journal." },
    COMMIT_BOUNDS,
  );
  private readonly batch = new Histogram(
    { name: "orco_journal_batch_size", help: "Events of a transaction of the journal." },
    BATCH_BOUNDS,
  );

  constructor(
    private readonly journal: Pick<Journal, "query">,
    private readonly onError: (error: unknown) => void,
  ) {
    this.retries.set({}, 0);
    this.events.set({}, 0);
  }

  /** For the journal's `onCommit`. Never throws. */
  committed({ events, ms }: Pick<Committed, "events" | "ms">): void {
    this.events.add({}, events.length);
    this.commit.observe({}, ms / 1000);
    this.batch.observe({}, events.length);
    try {
      for (const event of events) if (event.topic.startsWith("run/")) this.saw(event);
    } catch (error) {
      this.onError(error);
    }
  }

  families(): Family[] {
    const active = this.journal.query<{ n: number }>("SELECT count(*) AS n FROM runs WHERE status IN ('running', 'paused')")[0]?.n ?? 0;
    return [
      this.runs.family(),
      { name: "orco_runs_active", help: "Runs that have begun and not ended.", type: "gauge", samples: [{ labels: {}, value: active }] },
      this.duration.family(),
      this.steps.family(),
      this.retries.family(),
      this.events.family(),
      this.commit.family(),
      this.batch.family(),
    ];
  }

  private saw({ topic, type, data }: JournalEvent): void {
    const runEnd = RUN_ENDS.get(type);
    if (runEnd !== undefined) return this.ended(topic.slice("run/".length), runEnd);
    if (!type.startsWith("step.")) return;
    const status = type.slice("step.".length);
    if (STEP_ENDS.has(status)) this.steps.add({ status });
    if (status === "running" && Number(data["attempt"] ?? 1) > 1) this.retries.add({});
  }

  private ended(id: string, status: string): void {
    const sql =
      "SELECT kind, row ->> '$.mode' AS mode, row ->> '$.startedAt' AS startedAt, row ->> '$.endedAt' AS endedAt FROM runs WHERE id = ?";
    const [run] = this.journal.query<EndedRun>(sql, [id]);
    if (!run) return;
    const { kind, startedAt, endedAt } = run;
    const mode = run.mode ?? "local";
    this.runs.add({ kind, mode, status });
    if (startedAt !== null && endedAt !== null) this.duration.observe({ kind, mode, status }, Math.max(0, endedAt - startedAt) / 1000);
  }
}
