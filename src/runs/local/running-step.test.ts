import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../kernel/clock.ts";
import { Pump } from "../../supervise/logs/pump.ts";
import type { Exit, Handle } from "../../supervise/runtime.ts";
import type { StepExecution } from "../ports.ts";
import { Heard } from "./rig.suite.ts";
import { RunningStep } from "./running-step.ts";

/** A step whose process ends when the test says so, and then is not gone at once. */
class Staged {
  hasEnded = false;
  readonly step: RunningStep;
  private readonly gone = Promise.withResolvers<Exit>();
  private readonly dir = mkdtempSync(join(tmpdir(), "orco-running-"));
  private readonly clock = systemClock();
  private readonly pump = new Pump(this.clock);

  constructor() {
    const spools = { stdout: join(this.dir, "stdout.spool"), stderr: join(this.dir, "stderr.spool") };
    for (const path of Object.values(spools)) writeFileSync(path, "");
    const spec = { id: "a", needs: [], when: "success", command: ["x"], env: {}, grace_ms: 5000 } as unknown as StepExecution["spec"];
    const execution: StepExecution = { run: "r", step: "a", spec, attempt: 1, input: {}, execution: "e", consumed: 0 };
    const hasEnded = (): boolean => this.hasEnded;
    const process: Handle = {
      instance: "e",
      pid: 1,
      spools,
      startedAt: 0,
      exited: this.gone.promise,
      get hasEnded() {
        return hasEnded();
      },
      stop: () => this.gone.promise,
      usage: () => undefined,
    };
    this.step = new RunningStep(
      { execution, output: new Heard(), spools, cursor: join(this.dir, "cursor"), process },
      {
        clock: this.clock,
        pump: this.pump,
        punch: undefined,
        scratch: { chunk: Buffer.alloc(0) },
        closing: new AbortController().signal,
        maxBacklogBytes: 1024,
      },
    );
  }

  goes(code: number): void {
    this.gone.resolve({ reason: "exited", code, at: 0 });
  }

  [Symbol.dispose](): void {
    this.pump.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

test.each(["cancel", "timeout"] as const)("%s after its process has ended well, and before that is told: it has completed", async (why) => {
  using staged = new Staged();
  staged.hasEnded = true;
  staged.step.stop(why, 5000);
  staged.step.stop("timeout", 0);
  staged.goes(0);
  expect(await staged.step.ended).toEqual({ kind: "completed" });
});

test("who asked before it ended says how it did, also when it then ends well", async () => {
  using staged = new Staged();
  staged.step.stop("cancel", 5000);
  staged.hasEnded = true;
  staged.step.stop("cancel", 0);
  staged.goes(0);
  expect(await staged.step.ended).toEqual({ kind: "canceled" });
});

test("one that had failed by then is canceled: it would have been tried again", async () => {
  using staged = new Staged();
  staged.hasEnded = true;
  staged.step.stop("cancel", 5000);
  staged.goes(3);
  expect(await staged.step.ended).toEqual({ kind: "canceled" });
});
