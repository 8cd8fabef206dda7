import type { Clock } from "../kernel/clock.ts";
import type { Book } from "../runs/book.ts";
import { Driver } from "../runs/driver.ts";
import { Slots } from "../runs/slots.ts";
import type { StepExecution, StepRunner } from "../runs/ports.ts";
import type { RunMode, RunRecord } from "../runs/record.ts";

interface DriversOptions {
  readonly clock: Clock;
  readonly newId: () => string;
  readonly runnerOf: (mode: RunMode) => StepRunner;
  /** Processes of steps at once on this machine. */
  readonly maxSteps: number;
  /** How steps reach this daemon; known when it listens. */
  readonly apiUrl: () => string;
  readonly stepContext: ((run: RunRecord, step: string, attempt: number) => string) | undefined;
  readonly onError: (error: unknown) => void;
}

/** One driver for each run that this daemon drives. */
export class Drivers {
  private readonly drivers = new Map<string, Driver>();
  private readonly slots: Slots;
  private closed = false;

  constructor(private readonly options: DriversOptions) {
    this.slots = new Slots(options.maxSteps);
  }

  drive(book: Book, run: RunRecord): void {
    if (this.closed || this.drivers.has(run.id)) return;
    const { clock, newId, apiUrl, onError } = this.options;
    const ledger = book.ledger(run.id);
    const api: NonNullable<StepExecution["api"]> = { url: apiUrl(), token: book.drivenToken(run) };
    const parts = { ledger, runner: this.runnerOf(run), clock, newId, api, onError };
    const driver = new Driver(run.mode === "local" ? { ...parts, slots: this.slots } : parts);
    this.drivers.set(run.id, driver);
    void driver.run().finally(() => this.drivers.delete(run.id));
  }

  /** The daemon leaves; steps go on. */
  close(): void {
    this.closed = true;
    for (const driver of this.drivers.values()) driver.abandon();
  }

  private runnerOf(run: RunRecord): StepRunner {
    const { runnerOf, stepContext } = this.options;
    const runner = runnerOf(run.mode);
    if (!stepContext) return runner;
    const traced = (execution: StepExecution): StepExecution => ({
      ...execution,
      traceparent: stepContext(run, execution.step, execution.attempt),
    });
    return {
      start: (execution, output) => runner.start(traced(execution), output),
      adopt: (execution, output) => runner.adopt(traced(execution), output),
      forget: (id) => runner.forget(id),
    };
  }
}
