import type { JsonObject } from "../../kernel/event.ts";
import type { StepEnd, StepExecution, StepHandle, StepOutput, StepRunner } from "../ports.ts";

/** An execution somewhere outside: it outlives the drivers, and ends when the test says so. */
export class FakeExecution implements StepHandle {
  readonly ended: Promise<StepEnd>;
  readonly stops: { why: string; graceMs: number }[] = [];
  released = 0;
  end: StepEnd | undefined;
  private resolve: (end: StepEnd) => void = () => undefined;

  constructor(
    readonly order: StepExecution,
    public output: StepOutput,
    private readonly obeys: boolean,
  ) {
    this.ended = new Promise((resolve) => (this.resolve = resolve));
  }

  stop(why: "cancel" | "timeout", graceMs: number): void {
    this.stops.push({ why, graceMs });
    if (this.obeys) this.finish({ kind: "canceled" });
  }

  release(): void {
    this.released += 1;
  }

  finish(end: StepEnd): void {
    if (this.end) return;
    this.end = end;
    this.resolve(end);
  }

  complete(outputs?: JsonObject): void {
    this.finish({ kind: "completed", ...(outputs && { outputs }) });
  }

  fail(message = "exit 1", final = false): void {
    this.finish({ kind: "failed", error: { code: "start_failed", message }, ...(final && { final }) });
  }

  lose(): void {
    this.finish({ kind: "lost", message: "evicted" });
  }
}

/** Steps that are executed nowhere. `obeys`: what is stopped ends at once. */
export class FakeRunner implements StepRunner {
  readonly all: FakeExecution[] = [];
  readonly forgotten: string[] = [];
  /** The most that there were at once. */
  most = 0;
  onStart: (execution: FakeExecution) => void = () => undefined;

  constructor(private readonly obeys = true) {}

  start(order: StepExecution, output: StepOutput): Promise<StepHandle> {
    const execution = new FakeExecution(order, output, this.obeys);
    this.all.push(execution);
    this.most = Math.max(this.most, this.alive.length);
    this.onStart(execution);
    return Promise.resolve(execution);
  }

  adopt(order: StepExecution, output: StepOutput): Promise<StepHandle | undefined> {
    const found = this.all.find((one) => one.order.execution === order.execution);
    // What ended while nobody looked has left a note of how.
    if (found) found.output = output;
    return Promise.resolve(found);
  }

  forget(run: string): Promise<void> {
    this.forgotten.push(run);
    return Promise.resolve();
  }

  get alive(): FakeExecution[] {
    return this.all.filter((one) => !one.end);
  }

  /** The last execution of a step. */
  of(step: string): FakeExecution {
    const found = this.all.findLast((one) => one.order.step === step);
    if (!found) throw new Error(`${step} was never executed`);
    return found;
  }
}
