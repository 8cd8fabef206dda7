import type { Clock } from "../../kernel/clock.ts";
import { OrcoError } from "../../kernel/errors.ts";
import type { Json, JsonObject } from "../../kernel/event.ts";
import { parsePlan } from "../plan-schema.ts";
import type { Plan } from "../plan.ts";
import type { Ledger, LogLine, RunFinish, Snapshot } from "../ports.ts";
import { type NewCheckpoint, RUN, type RunEvent, type RunRecord, type StepChange, type StepState } from "../record.ts";
import { applyChange } from "../step-change.ts";

const BLANK = {
  engine: "plan",
  id: "run-1",
  kind: "plan",
  mode: "local",
  status: "running",
  name: "",
  owner: "test",
  metadata: {},
  lane: "run/run-1",
  priority: 0,
  attempt: 1,
  dispatch: 0,
  losses: 0,
} as const;

/** A run in memory, with what a book would do to it; its rules are those of `Ledger`. One driver at a time: `open` shuts out the one before. */
export class MemoryRun {
  record: RunRecord;
  readonly plan: Plan;
  steps: ReadonlyMap<string, StepState> = new Map();
  /** Every change that was recorded, in order. */
  readonly history: StepChange[] = [];
  readonly checkpoints: NewCheckpoint[] = [];
  readonly lines: LogLine[] = [];
  end: RunFinish | undefined;
  /** How the next writes go wrong, first one first; undefined: they do not. */
  readonly faults: (OrcoError | undefined)[] = [];
  /** So many of the next writes are done, and their answer is lost on the way. */
  unheard = 0;
  private readonly listeners = new Set<() => void>();
  private generation = 0;

  constructor(
    plan: object,
    private readonly clock: Clock,
    private readonly given: Partial<RunRecord> & { readonly input?: JsonObject } = {},
  ) {
    this.plan = parsePlan(plan);
    const { input: _, ...record } = given;
    const now = clock.now();
    this.record = { ...BLANK, createdAt: now, startedAt: now, ...record };
  }

  open(): Ledger {
    const generation = ++this.generation;
    const fence = (): void => {
      if (generation !== this.generation || this.end)
        throw new OrcoError("conflict", "the run has another driver, or has ended", { from: this.record.status });
    };
    const finish = async (changes: readonly StepChange[], end: RunFinish): Promise<void> => {
      await this.write();
      fence();
      this.take(changes);
      const event = end.status === "completed" ? "finish" : end.status === "failed" ? "fail" : "cancel";
      this.end = end;
      this.record = { ...this.record, status: RUN.next(this.record.status, event), endedAt: this.clock.now() };
      this.loseAnswer();
    };
    return {
      snapshot: () => this.snapshot(),
      record: async (changes, checkpoints = []) => {
        await this.write();
        fence();
        this.take(changes);
        this.checkpoints.push(...checkpoints);
        this.loseAnswer();
      },
      finish: (end) => finish([], end),
      finishWith: (changes, end) => finish(changes, end),
      onChange: (fn) => {
        this.listeners.add(fn);
        return () => void this.listeners.delete(fn);
      },
      lastCheckpoint: (step) => Promise.resolve<Json | undefined>(this.checkpoints.findLast((one) => one.step === step)?.data),
      log: (lines) => void this.lines.push(...lines),
    };
  }

  snapshot(): Snapshot {
    return { run: this.record, plan: this.plan, input: this.given.input ?? {}, steps: this.steps };
  }

  status(step: string): string {
    return this.steps.get(step)?.status ?? "pending";
  }

  /** What people and the API do. */
  change(event: RunEvent): void {
    this.record = { ...this.record, status: RUN.next(this.record.status, event) };
    this.tell();
  }

  cancel(reason = "no longer wanted", force = false): void {
    this.record = { ...this.record, cancelling: { reason, force } };
    this.tell();
  }

  /** An approval or a signal. */
  answer(step: string, outputs: JsonObject = {}): void {
    this.take([{ step, event: "finish", set: { outputs } }]);
    this.tell();
  }

  shutOut(): void {
    this.generation += 1;
  }

  get listening(): number {
    return this.listeners.size;
  }

  private take(changes: readonly StepChange[]): void {
    const next = new Map(this.steps);
    // As JSON, since that is how they come from a worker.
    for (const change of JSON.parse(JSON.stringify(changes)) as StepChange[])
      next.set(change.step, applyChange(next.get(change.step), change, this.clock.now()));
    this.steps = next;
    this.history.push(...changes);
  }

  private async write(): Promise<void> {
    await Promise.resolve();
    const fault = this.faults.shift();
    if (fault) throw fault;
  }

  private loseAnswer(): void {
    if (this.unheard === 0) return;
    this.unheard -= 1;
    throw new OrcoError("unreachable", "the answer was lost");
  }

  private tell(): void {
    for (const fn of this.listeners) fn();
  }
}
