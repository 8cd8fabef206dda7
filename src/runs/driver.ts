import { availableParallelism } from "node:os";
import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { messageOf } from "../kernel/errors.ts";
import { Bell } from "./bell.ts";
import { batches, fitsWithEnd } from "./drive/batch.ts";
import { Crew } from "./drive/crew.ts";
import { decide } from "./drive/decide.ts";
import { Execution } from "./drive/execution.ts";
import { fillFound } from "./drive/fill.ts";
import { finishOf } from "./drive/finish.ts";
import { Frontier } from "./drive/frontier.ts";
import type { Decisions, Moment, StepDecision } from "./drive/moment.ts";
import { isStale, Recorder } from "./drive/recorder.ts";
import { needsSlot, SlotHolder } from "./drive/slots.ts";
import type { PlanStep } from "./plan.ts";
import type { Ledger, RunFinish, StepExecution, StepRunner } from "./ports.ts";
import { RUN, STEP, type RunRecord } from "./record.ts";
import type { Slots } from "./slots.ts";
import { applyChange } from "./step-change.ts";

/** In a row; then the run fails. */
const MAX_TROUBLES = 20;

export interface DriverOptions {
  readonly ledger: Ledger;
  readonly runner: StepRunner;
  readonly clock: Clock;
  /** Of executions. */
  readonly newId: () => string;
  /** What steps may call; the token is the run's. */
  readonly api?: StepExecution["api"];
  /** Shared by the drivers of a machine whose steps are its processes. */
  readonly slots?: Slots;
  /** Of plans that do not say; 2 × cores unless given. */
  readonly maxParallel?: number;
  /** What went wrong and is tried again, or is given up. */
  readonly onError: (error: unknown) => void;
}

/** `ended`: by this driver. `lost`: the ledger takes nothing more from it, its steps are stopped. `left`: abandoned, its steps go on. */
export type DriverEnd = "ended" | "lost" | "left";

/**
 * Carries one run through its plan. One turn after the other: what happened → `decide` → on disk → carried out. What was begun is on disk before it is
 * started, and a driver that comes after finds it by its execution's id.
 */
export class Driver {
  private frontier: Frontier;
  private record: RunRecord;
  private phase: "driving" | DriverEnd = "driving";
  /** What of the snapshot is to be looked at anew. */
  private outdated: "nothing" | "what others change" | "all" = "all";
  private troubles = 0;
  private wake: CancelTimer | undefined;
  private readonly bell: Bell;
  private readonly recorder: Recorder;
  private readonly slots: SlotHolder;
  private readonly crew: Crew;
  private readonly origin: { readonly wall: number; readonly monotonic: number };

  constructor(private readonly options: DriverOptions) {
    const { ledger, clock, onError } = options;
    const snapshot = ledger.snapshot();
    this.frontier = new Frontier(snapshot);
    this.record = snapshot.run;
    this.origin = { wall: clock.now(), monotonic: clock.monotonic() };
    this.recorder = new Recorder({ ledger, clock, onError, onGone: (error) => this.lose(error) });
    this.bell = new Bell(clock);
    this.slots = new SlotHolder(options.slots, this.bell.ring);
    this.crew = new Crew(this.slots);
  }

  /** Once. Never rejects. */
  async run(): Promise<DriverEnd> {
    const stopListening = this.options.ledger.onChange(() => {
      if (this.outdated === "nothing") this.outdated = "what others change";
      this.bell.ring();
    });
    while (this.phase === "driving") {
      await this.turn();
      if (this.phase === "driving") await this.bell.wait();
    }
    stopListening();
    this.wake?.();
    this.slots.close();
    if (this.phase === "lost") await this.stopAll();
    this.recorder.leave();
    return this.phase;
  }

  /** The daemon leaves: nothing is stopped or written any more. */
  abandon(): void {
    if (this.phase === "ended") return;
    this.phase = "left";
    this.recorder.leave();
    this.crew.leave();
    this.bell.ring();
  }

  private async turn(): Promise<void> {
    try {
      this.look();
      const { chosen, isOver } = this.choose();
      const endsHere = isOver && this.recorder.canFinishWith && fitsWithEnd(chosen);
      if (!endsHere) await this.carryOut(chosen);
      this.slots.releaseSpare();
      if (isOver && this.phase === "driving") await this.finish(endsHere ? chosen : []);
      this.troubles = 0;
    } catch (error) {
      await this.recover(error);
    }
  }

  /** Takes over what others have changed: their ends of steps that wait, and what they want of the run. */
  private look(): void {
    const { outdated } = this;
    if (outdated === "nothing") return;
    const snapshot = this.options.ledger.snapshot();
    this.outdated = "nothing";
    this.record = snapshot.run;
    if (RUN.isFinal(snapshot.run.status)) this.phase = "lost";
    if (outdated === "all") {
      this.frontier = new Frontier(snapshot);
      this.adoptOpen();
      for (const step of this.frontier.open) if (this.frontier.steps.get(step)?.status === "cancelling") this.stop(step);
    }
    for (const step of this.frontier.unended) {
      const theirs = snapshot.steps.get(step);
      const { status = "pending" } = this.frontier.steps.get(step) ?? {};
      if (theirs && STEP.isFinal(theirs.status) && (status === "pending" || status === "waiting")) this.frontier.put(theirs);
    }
    if (this.record.cancelling?.force) this.crew.stopAll(0);
  }

  /** What is under way and not known to this driver: one before it has begun it, or a turn of its own went wrong in the middle. */
  private adoptOpen(): void {
    for (const step of this.crew.compare(this.frontier)) {
      const spec = this.frontier.spec(step);
      if (!spec) continue;
      const execution = this.execution(step, fillFound(spec, this.frontier.scope(step)));
      this.crew.addFound(execution);
      execution.adopt();
    }
  }

  /** Everything that can be decided now. What is chosen holds in memory at once, and is carried out once it is on disk. */
  private choose(): { readonly chosen: readonly StepDecision[]; readonly isOver: boolean } {
    const chosen: StepDecision[] = [];
    for (;;) {
      const decisions: Decisions = this.phase === "driving" ? decide(this.frontier, this.moment()) : { steps: [] };
      const accepted = decisions.steps.filter((one) => one.do !== "start" || !needsSlot(one.spec) || this.slots.take());
      if (accepted.length === 0) {
        this.wakeAt(decisions.wakeAt);
        return { chosen, isOver: decisions.finish !== undefined };
      }
      for (const one of accepted) chosen.push(this.apply(one));
    }
  }

  private moment(): Moment {
    const maxParallel = this.frontier.plan.max_parallel ?? this.options.maxParallel ?? 2 * availableParallelism();
    return { now: this.now(), run: this.record, maxParallel, ended: this.crew.ended };
  }

  private apply(decision: StepDecision): StepDecision {
    const before = this.frontier.steps.get(decision.step);
    const set = decision.do === "start" && { set: { attempt: (before?.attempt ?? 0) + 1, execution: this.options.newId() } };
    const change = { ...decision.change, ...set };
    this.frontier.put(applyChange(before, change, this.now()));
    return { ...decision, change };
  }

  private async carryOut(chosen: readonly StepDecision[]): Promise<void> {
    const waiting = new Set(chosen.filter((one) => one.do === "start" && needsSlot(one.spec)));
    try {
      for (const batch of batches(chosen)) {
        await this.recorder.record(batch.map(({ change }) => change));
        if (this.phase !== "driving") return;
        for (const decision of batch) {
          waiting.delete(decision);
          this.act(decision);
        }
      }
    } finally {
      for (let left = waiting.size; left > 0; left--) this.slots.release();
    }
  }

  private act({ do: what, step, why, spec, settles }: StepDecision): void {
    if (settles) this.crew.settle(step);
    if (what === "retry" || what === "fail" || what === "skip") this.log(step, why, what === "fail" ? "error" : "info");
    if (what === "stop") this.stop(step);
    if (what !== "start" || !spec) return;
    const execution = this.execution(step, spec);
    this.crew.add(execution);
    execution.start();
  }

  private stop(step: string): void {
    const { cancelling } = this.record;
    this.crew.stop(step, cancelling ? "cancel" : "timeout", cancelling?.force ? 0 : (this.frontier.spec(step)?.grace_ms ?? 0));
  }

  private execution(step: string, spec: PlanStep): Execution {
    const { attempt = 1, execution: id = "", consumed = 0 } = this.frontier.steps.get(step) ?? {};
    const { api } = this.options;
    const { id: run, traceparent } = this.record;
    const order: StepExecution = {
      run,
      step,
      spec,
      attempt,
      input: this.frontier.input,
      execution: id,
      consumed,
      ...(api && { api }),
      ...(traceparent !== undefined && { traceparent }),
    };
    const { runner, clock, onError } = this.options;
    return new Execution(order, {
      runner,
      clock,
      onError,
      recorder: this.recorder,
      now: () => this.now(),
      state: (one) => this.frontier.steps.get(one),
      told: (change) => this.frontier.put(applyChange(this.frontier.steps.get(change.step), change, this.now())),
      ended: (one, end) => {
        this.crew.markEnded(one, end);
        this.bell.ring();
      },
    });
  }

  private async finish(last: readonly StepDecision[]): Promise<void> {
    const end = (): RunFinish => {
      this.look();
      return finishOf(this.frontier, this.moment());
    };
    const changes = last.map(({ change }) => change);
    await (changes.length > 0 ? this.recorder.finishWith(changes, end) : this.recorder.finish(end));
    if (this.phase !== "driving") return;
    for (const decision of last) this.act(decision);
    this.phase = "ended";
    await this.forget();
  }

  /** Somebody was first, or something is wrong: after a while everything is looked at anew. */
  private async recover(cause: unknown): Promise<void> {
    if (this.phase !== "driving") return;
    this.troubles += 1;
    if (!isStale(cause)) this.options.onError(cause);
    if (this.troubles > MAX_TROUBLES) return this.giveUp(cause);
    this.outdated = "all";
    this.bell.ring();
    // Rejects when the driver has left, and then the loop ends.
    await this.recorder.pause(this.troubles - 1).catch(() => this.bell.ring());
  }

  private lose(error: unknown): void {
    if (this.phase !== "driving") return;
    this.phase = "lost";
    this.options.onError(error);
    this.bell.ring();
  }

  /** Nothing mends it: the run ends, rather than to be driven by nobody. */
  private async giveUp(cause: unknown): Promise<void> {
    this.phase = "lost";
    await this.stopAll();
    const error = { code: "internal", message: `the run could not be driven on: ${messageOf(cause)}` };
    await this.recorder.finish(() => ({ status: "failed", error })).catch(this.options.onError);
  }

  private async stopAll(): Promise<void> {
    this.crew.stopAll();
    while (this.crew.isWorking && this.phase === "lost") await this.bell.wait();
    if (RUN.isFinal(this.options.ledger.snapshot().run.status)) await this.forget();
  }

  private async forget(): Promise<void> {
    await this.options.runner.forget(this.record.id).catch((error: unknown) => this.options.onError(error));
  }

  private wakeAt(at: number | undefined): void {
    this.wake?.();
    this.wake = at === undefined ? undefined : this.options.clock.after(at - this.now(), () => this.bell.ring());
  }

  /** Epoch ms: the wall clock of when this driver began, without its jumps since. */
  private now(): number {
    return Math.round(this.origin.wall + this.options.clock.monotonic() - this.origin.monotonic);
  }

  private log(step: string, message: string, level: string): void {
    const attempt = this.frontier.steps.get(step)?.attempt ?? 0;
    this.recorder.log({ at: this.now(), step, attempt, source: "orco", level, message });
  }
}
