import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import type { Json, JsonObject } from "../../kernel/event.ts";
import { uuidv7 } from "../../kernel/id.ts";
import type { PlanStep } from "../plan.ts";
import type { LogLine, StepExecution, StepOutput } from "../ports.ts";
import { ProcessSteps, type ProcessStepsOptions } from "./process-step.ts";

type Line = Omit<LogLine, "step" | "attempt">;

/** Takes down what a step says. */
export class Heard implements StepOutput {
  readonly checkpoints: { readonly data?: Json; readonly name?: string; readonly consumed?: number }[] = [];
  readonly outputs: JsonObject[] = [];
  readonly progresses: { readonly percent?: number; readonly message?: string }[] = [];
  readonly lines: Line[] = [];
  heartbeats = 0;
  /** Called before each checkpoint and output is taken. */
  before: () => Promise<void> | void = () => undefined;

  async checkpoint(checkpoint: Heard["checkpoints"][number]): Promise<void> {
    await this.before();
    this.checkpoints.push(checkpoint);
  }

  async output(data: JsonObject): Promise<void> {
    await this.before();
    this.outputs.push(data);
  }

  progress(progress: Heard["progresses"][number]): void {
    this.progresses.push(progress);
  }

  log(line: Line): void {
    this.lines.push(line);
  }

  heartbeat(): void {
    this.heartbeats += 1;
  }

  messages(source: Line["source"] = "stdout"): string[] {
    return this.lines.filter((line) => line.source === source).map(({ message }) => message);
  }
}

export const API = { url: "http://127.0.0.1:7070", token: "run-token-5f2c90aa71" };

/** Runs steps as real processes below a home of its own. */
export class StepRig {
  readonly clock = systemClock();
  readonly home: string;
  readonly run = uuidv7(this.clock);
  steps: ProcessSteps;

  constructor() {
    this.home = mkdtempSync(join(tmpdir(), "orco-step-"));
    this.steps = this.open();
  }

  [Symbol.dispose](): void {
    this.steps.close();
    rmSync(this.home, { recursive: true, force: true });
  }

  /** As the next daemon would: nothing is handed over. */
  reopen(): void {
    this.steps.close();
    this.steps = this.open();
  }

  execution(
    command: readonly string[],
    more: Partial<StepExecution> & { readonly step?: string; readonly over?: Partial<PlanStep> } = {},
  ): StepExecution {
    const { over, ...rest } = more;
    const retry = { max: 0, backoff: { min_ms: 1000, max_ms: 60_000, factor: 2 } };
    const spec: PlanStep = { id: "a", needs: [], when: "success", command, env: {}, grace_ms: 5000, retry, ...over };
    const execution = uuidv7(this.clock);
    return { run: this.run, step: "a", spec, attempt: 1, input: {}, execution, consumed: 0, api: API, ...rest };
  }

  sh(script: string, more: Parameters<StepRig["execution"]>[1] = {}): StepExecution {
    return this.execution(["/bin/sh", "-c", script], more);
  }

  open(more: Partial<ProcessStepsOptions> = {}): ProcessSteps {
    return new ProcessSteps({ home: this.home, clock: this.clock, env: process.env, ...more });
  }
}
