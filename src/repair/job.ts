import { join } from "node:path";
import { messageOf } from "../kernel/errors.ts";
import type { OpenTarget, RepairHost } from "./host.ts";
import { maskedError } from "./masked-error.ts";
import { whileDiskIsFull } from "./patience.ts";
import { StepOutput } from "./output.ts";
import type { RepairRecord, StepName } from "./record.ts";
import type { Work } from "./target.ts";

/** What a step leaves behind, in the order of their making. */
const ARTIFACTS: Readonly<Record<StepName, readonly string[]>> = {
  analyze: ["analyze.log", "plan.json"],
  patch: ["patch.diff"],
  build: ["build.log"],
  restart: ["restart.log"],
  verify: ["verify.log"],
  rollback: ["rollback.log"],
};

/** How a step ended, for a person. */
export interface StepEnd<T> {
  readonly value: T;
  readonly message: string;
}

/** One run of a repair, as its steps work on it. */
export class RepairJob {
  private opening: Promise<OpenTarget> | undefined;

  constructor(
    readonly host: RepairHost,
    readonly id: string,
  ) {}

  get record(): RepairRecord {
    return this.host.book.get(this.id);
  }

  /** Private to the run: its copy, the pre-images, the recorded configuration. */
  get folder(): string {
    return join(this.host.folder, this.id);
  }

  /** Rendered once; what could not be opened is tried again. */
  async open(signal: AbortSignal): Promise<OpenTarget> {
    const opening = (this.opening ??= this.host.open(this.record, signal));
    try {
      return await opening;
    } catch (error) {
      if (this.opening === opening) this.opening = undefined;
      throw error;
    }
  }

  /**
   * Runs one of the six steps and records how it went. Repeated by the next daemon when this one dies in its midst: `attempt` counts that. A step that
   * ends because the daemon leaves stays as it is.
   */
  async step<T>(name: StepName, signal: AbortSignal, act: (work: Work, target: OpenTarget) => Promise<StepEnd<T>>): Promise<T> {
    const { clock, meter } = this.host;
    const began = clock.monotonic();
    // A daemon died in its midst: whatever it had started ends first.
    const isAgain = this.record.steps[name].attempt > 0;
    const begun = this.host.book.step(this.id, name, ({ startedAt = clock.now(), attempt }) => ({
      status: "in_progress",
      startedAt,
      attempt: attempt + 1,
    }));
    // What is put back does not wait until that can be noted: it is safe to repeat.
    await (name === "rollback" ? begun.catch(this.host.onError) : begun);
    meter.step(name, "started");
    const output = this.outputOf(name);
    let clean = (text: string): string => text;
    try {
      const target = await this.open(signal);
      ({ clean } = target.redactor);
      const onLine = (line: string): void => output.line(clean(line));
      if (isAgain) await target.target.cleanUp({ signal, onLine });
      const { value, message } = await act({ signal, onLine }, target);
      await output.end();
      const end = (): Promise<void> => this.close(name, "succeeded", { message: clean(message), durationMs: clock.monotonic() - began });
      await (name === "rollback" ? whileDiskIsFull(end, { clock, signal, onAway: this.host.onError }) : end());
      return value;
    } catch (thrown) {
      // It goes into the run's row, its events and the daemon's log.
      const error = maskedError(thrown, clean);
      await output.end();
      const how = { message: messageOf(error), durationMs: clock.monotonic() - began };
      // Why it failed counts, whether it can be noted or not.
      if (!this.host.isLeaving()) await this.close(name, "failed", how).catch(this.host.onError);
      throw error;
    }
  }

  /** Steps that never will be. */
  async skipRest(why: string): Promise<void> {
    const { steps } = this.record;
    for (const name of Object.keys(steps) as StepName[]) if (steps[name].status === "pending") await this.skip(name, why);
  }

  async skip(name: StepName, why: string): Promise<void> {
    await this.close(name, "skipped", { message: why });
  }

  /** How a step ended, for people and for what is counted. */
  async close(name: StepName, status: "succeeded" | "failed" | "skipped", how: { message: string; durationMs?: number }): Promise<void> {
    const artifacts = status === "skipped" ? [] : await this.made(name);
    await this.host.book.step(this.id, name, () => ({ status, completedAt: this.host.clock.now(), message: how.message, artifacts }));
    this.host.meter.step(name, status, how.durationMs);
  }

  private async made(name: StepName): Promise<readonly string[]> {
    const there = new Set((await this.host.files.list(this.id)).map((artifact) => artifact.name));
    return ARTIFACTS[name].filter((artifact) => there.has(artifact));
  }

  private outputOf(step: StepName): StepOutput {
    const { book, files, clock, onError } = this.host;
    return new StepOutput({
      clock,
      step,
      tell: (message) => book.tell(this.id, { type: "repair.output", data: { step, message } }),
      // What a patch does is in its diff.
      keep: (lines) => step !== "patch" && files.append(this.id, `${step}.log`, lines),
      onError,
    });
  }
}
