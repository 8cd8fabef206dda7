import type { Json, JsonObject, NewEvent, Write } from "../../kernel/event.ts";
import { OrcoError } from "../../kernel/errors.ts";
import { RUN, type RunRecord, type StepState } from "../record.ts";
import { checkpointInsert, runUpdate, signalInsert, stepWrite, topicOf } from "../store.ts";

/** A run at one moment, as a change sees it. */
export interface RunNow {
  readonly run: RunRecord;
  step(id: string): StepState | undefined;
  /** In the order in which they began. */
  steps(): Iterable<StepState>;
  stepCount(): number;
  /** The signal, where it was sent. */
  signal(name: string): { readonly data: Json } | undefined;
  signalCount(): number;
}

export interface DraftContext {
  /** Epoch ms. */
  readonly now: number;
  readonly newId: () => string;
}

/** What a change makes of a run: events and rows that are to be on disk together, or not at all. */
export class Draft implements RunNow {
  readonly events: NewEvent[] = [];
  readonly writes: Write[] = [];
  readonly changedSteps = new Map<string, StepState>();
  readonly newSignals = new Map<string, Json>();
  /** Steps that somebody else than who drives the run has changed. */
  readonly touched = new Set<string>();
  /** Somebody else than who drives the run has changed it. */
  outside = false;
  private newSteps = 0;
  private readonly checkpoints: { readonly id: string; readonly at: number }[] = [];
  private changedRun: RunRecord | undefined;

  constructor(
    private readonly before: RunNow,
    readonly context: DraftContext,
  ) {}

  get run(): RunRecord {
    return this.changedRun ?? this.before.run;
  }

  step(id: string): StepState | undefined {
    return this.changedSteps.get(id) ?? this.before.step(id);
  }

  *steps(): Generator<StepState> {
    const seen = new Set<string>();
    for (const { id } of this.before.steps()) {
      seen.add(id);
      const step = this.step(id);
      if (step) yield step;
    }
    for (const step of this.changedSteps.values()) if (!seen.has(step.id)) yield step;
  }

  stepCount(): number {
    return this.before.stepCount() + this.newSteps;
  }

  signal(name: string): { readonly data: Json } | undefined {
    const data = this.newSignals.get(name);
    return data === undefined ? this.before.signal(name) : { data };
  }

  signalCount(): number {
    return this.before.signalCount() + this.newSignals.size;
  }

  get isEmpty(): boolean {
    return (
      this.events.length === 0 && this.writes.length === 0 && !this.changedRun && this.changedSteps.size === 0 && this.newSignals.size === 0
    );
  }

  setRun(run: RunRecord): void {
    this.changedRun = run;
  }

  setStep(step: StepState): void {
    if (!this.step(step.id)) this.newSteps += 1;
    this.changedSteps.set(step.id, step);
  }

  setSignal(name: string, data: Json): void {
    this.newSignals.set(name, data);
  }

  /** `internal` when the run had ended before: nothing follows the event of its end. */
  tell(type: string, data: JsonObject): void {
    const { id, status } = this.before.run;
    if (RUN.isFinal(status)) throw new OrcoError("internal", `${type} after the end of run ${id}`, { run: id, status });
    this.events.push({ topic: topicOf(id), type, data: { runId: id, ...data } });
  }

  tellCheckpoint(id: string, data: JsonObject): void {
    this.checkpoints.push({ id, at: this.events.length });
    this.tell("checkpoint", data);
  }

  write(...writes: readonly Write[]): void {
    this.writes.push(...writes);
  }

  /** What a change after this one has made on top of it. */
  take(later: Draft): void {
    this.checkpoints.push(...later.checkpoints.map(({ id, at }) => ({ id, at: at + this.events.length })));
    this.events.push(...later.events);
    this.writes.push(...later.writes);
    this.changedRun = later.changedRun ?? this.changedRun;
    for (const step of later.changedSteps.values()) this.setStep(step);
    for (const [name, data] of later.newSignals) this.newSignals.set(name, data);
    for (const id of later.touched) this.touched.add(id);
    this.outside ||= later.outside;
  }

  /** Rows that go with the events. */
  allWrites(): Write[] {
    const { id } = this.run;
    const last = this.events.length - 1;
    return [
      ...(this.changedRun ? [runUpdate(this.changedRun)] : []),
      ...[...this.changedSteps.values()].map((step) => stepWrite(id, step)),
      ...this.checkpoints.map((checkpoint) => checkpointInsert(id, checkpoint.id, last - checkpoint.at)),
      ...[...this.newSignals].map(([name, data]) => signalInsert(id, name, data)),
      ...this.writes,
    ];
  }
}
