import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { messageOf, OrcoError } from "../../kernel/errors.ts";
import type { JsonObject } from "../../kernel/event.ts";
import { runError, type RunError } from "../../workflow/run.ts";
import type { LogLine, StepEnd, StepExecution, StepHandle, StepOutput, StepRunner } from "../ports.ts";
import { flawOf } from "../protocol-flaw.ts";
import type { NewCheckpoint, StepChange, StepState } from "../record.ts";
import { isRefused, type Recorder } from "./recorder.ts";
import { MAX_OUTPUTS_BYTES, outputsTooLarge, sizeOf } from "./settle.ts";

const PROGRESS_MS = 1000;

type Checkpoint = Parameters<StepOutput["checkpoint"]>[0];
type Progress = Parameters<StepOutput["progress"]>[0];

interface ExecutionSite {
  readonly runner: StepRunner;
  readonly recorder: Recorder;
  readonly clock: Clock;
  /** Epoch ms of the driver. */
  now(): number;
  /** The step as it is now. */
  state(step: string): StepState | undefined;
  /** Something about the step is on disk. */
  told(change: StepChange): void;
  ended(execution: Execution, end: StepEnd): void;
  onError(error: unknown): void;
}

/** One execution of a step under way: passes on what it says, ends it when it takes too long, and tells how it ended. */
export class Execution implements StepOutput {
  timedOut = false;
  private handle: StepHandle | undefined;
  private wish: { readonly why: "cancel" | "timeout"; readonly graceMs: number } | undefined;
  private cancelTimeout: CancelTimer | undefined;
  private readonly reports: ProgressReports;
  /** What it did that makes it fail, however it ends. */
  private spoiled: RunError | undefined;
  private left = false;
  /** Of a line that looks like a message. */
  private warned = false;

  constructor(
    readonly order: StepExecution,
    private readonly site: ExecutionSite,
  ) {
    const { recorder, clock } = site;
    this.reports = new ProgressReports(clock, async (progress) => {
      await recorder.record([{ step: order.step, event: "tell", progress }]);
    });
  }

  /** Its last checkpoint is read first where it is not the first execution. */
  start(): void {
    void this.follow(async () => {
      const { order, site } = this;
      const resume = order.attempt > 1 ? await site.recorder.lastCheckpoint(order.step) : undefined;
      if (this.left) throw new OrcoError("cancelled", "the driver of this run has left");
      if (this.wish) return { ended: Promise.resolve({ kind: "canceled" }), stop: () => undefined };
      return site.runner.start({ ...order, ...(resume !== undefined && { resume }) }, this);
    });
  }

  /** What a former driver has started. */
  adopt(): void {
    void this.follow(() => this.site.runner.adopt(this.order, this));
  }

  /** Idempotent; a shorter grace hurries. The first reason stays. */
  stop(why: "cancel" | "timeout", graceMs: number): void {
    this.wish = { why: this.wish?.why ?? why, graceMs: Math.min(graceMs, this.wish?.graceMs ?? Infinity) };
    this.handle?.stop(this.wish.why, this.wish.graceMs);
  }

  /** It goes on without this driver: nothing that it says from now on is taken. */
  leave(): void {
    this.left = true;
    this.disarm();
  }

  /** Its end is on disk. */
  release(): void {
    this.handle?.release?.();
  }

  async checkpoint({ data, name, type = "checkpoint", consumed }: Checkpoint): Promise<void> {
    const { step, attempt } = this.order;
    const checkpoint = {
      type,
      step,
      attempt,
      ts: this.site.now(),
      ...(data !== undefined && { data }),
      ...(name !== undefined && { name }),
    };
    await this.tell(consumed === undefined ? undefined : { consumed }, [checkpoint]);
  }

  async output(data: JsonObject, consumed?: number): Promise<void> {
    const outputs = { ...this.site.state(this.order.step)?.outputs, ...data };
    const bytes = sizeOf(outputs);
    if (bytes > MAX_OUTPUTS_BYTES) this.spoil(outputsTooLarge(this.order.step, bytes));
    else await this.tell({ outputs, ...(consumed !== undefined && { consumed }) });
  }

  progress(progress: Progress): void {
    if (!this.left) this.reports.push(progress);
  }

  log(line: Omit<LogLine, "step" | "attempt">): void {
    if (this.left) return;
    const { step, attempt } = this.order;
    this.site.recorder.log({ ...line, step, attempt });
    const flaw = this.warned || line.source !== "stdout" ? undefined : flawOf(line.message);
    if (flaw === undefined) return;
    this.warned = true;
    const message = `a line of stdout looks like a message and was taken as text: ${flaw} (said once)`;
    this.site.recorder.log({ at: line.at, step, attempt, source: "orco", level: "warn", message });
  }

  heartbeat(): void {
    // Being alive is no news: executions have an end by timeout_ms only.
  }

  private async tell(set: StepChange["set"], checkpoints: readonly NewCheckpoint[] = []): Promise<void> {
    if (this.left) throw new OrcoError("cancelled", "the driver of this run has left");
    const change = set && { step: this.order.step, event: "tell" as const, set };
    try {
      await this.site.recorder.record(change ? [change] : [], checkpoints);
    } catch (error) {
      if (!isRefused(error)) throw error;
      this.spoil(runError(error));
      return;
    }
    if (change) this.site.told(change);
  }

  private spoil(error: RunError): void {
    this.spoiled ??= error;
    this.stop("cancel", this.order.spec.grace_ms);
  }

  private async follow(begin: () => Promise<StepHandle | undefined>): Promise<void> {
    this.arm();
    const end = await this.endOf(begin);
    this.disarm();
    await this.reports.settled();
    if (!this.left) this.site.ended(this, this.spoiled ? { kind: "failed", error: this.spoiled, final: true } : end);
  }

  private async endOf(begin: () => Promise<StepHandle | undefined>): Promise<StepEnd> {
    try {
      this.handle = await begin();
      if (!this.handle) return { kind: "lost", message: "its execution is gone" };
      if (this.wish) this.handle.stop(this.wish.why, this.wish.graceMs);
      return await this.handle.ended;
    } catch (error) {
      if (!this.left) this.site.onError(error);
      return { kind: "failed", error: { code: "internal", message: `${this.order.step} could not be executed: ${messageOf(error)}` } };
    }
  }

  private arm(): void {
    const { timeout_ms: timeoutMs, grace_ms: graceMs } = this.order.spec;
    if (timeoutMs === undefined) return;
    const begunAt = this.site.state(this.order.step)?.begunAt ?? this.site.now();
    this.cancelTimeout = this.site.clock.after(begunAt + timeoutMs - this.site.now(), () => {
      this.timedOut = this.wish === undefined;
      this.stop("timeout", graceMs);
    });
  }

  private disarm(): void {
    this.cancelTimeout?.();
    this.cancelTimeout = undefined;
    this.reports.stop();
  }
}

/** Reports of progress, one a second at most: the last one of each second, merged. */
class ProgressReports {
  private next: Progress | undefined;
  private timer: CancelTimer | undefined;
  private lastAt = -Infinity;
  private inFlight: Promise<void> = Promise.resolve();

  constructor(
    private readonly clock: Clock,
    private readonly send: (progress: Progress) => Promise<void>,
  ) {}

  push(progress: Progress): void {
    this.next = { ...this.next, ...progress };
    this.timer ??= this.clock.after(this.lastAt + PROGRESS_MS - this.clock.monotonic(), () => this.flush());
  }

  stop(): void {
    this.timer?.();
    this.timer = undefined;
    this.next = undefined;
  }

  /** Once none is on its way any more: one that came after the end would be refused. */
  settled(): Promise<void> {
    return this.inFlight;
  }

  private flush(): void {
    const progress = this.next;
    this.timer = undefined;
    this.next = undefined;
    this.lastAt = this.clock.monotonic();
    // A report that the ledger does not take is no loss, and a lost run is told by what is recorded next.
    if (progress) this.inFlight = Promise.all([this.inFlight, this.send(progress)]).then(noop, noop);
  }
}

function noop(): void {}
