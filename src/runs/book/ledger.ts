import type { Json } from "../../kernel/event.ts";
import type { Ledger, LogLine, RunFinish, Snapshot } from "../ports.ts";
import type { NewCheckpoint, StepChange } from "../record.ts";
import type { Desk } from "./desk.ts";
import type { LiveRun } from "./live-run.ts";
import { assertOpen, endRun } from "./moves.ts";
import { addCheckpoint, changeStep } from "./step-moves.ts";
import { assertResultSize, type Workers } from "./workers.ts";

/** What a driver in this daemon needs of its run. `snapshot().steps` is alive: what is recorded later shows in it. */
export class DrivenLedger implements Ledger {
  private readonly live: LiveRun;
  private readonly fixed: Pick<Snapshot, "plan" | "input">;

  constructor(
    private readonly desk: Desk,
    private readonly workers: Pick<Workers, "lastCheckpoint">,
    private readonly id: string,
  ) {
    this.live = desk.runs.get(id);
    const { plan, input } = this.live.content;
    this.fixed = { plan: plan ?? { steps: [] }, input };
  }

  snapshot(): Snapshot {
    return { ...this.fixed, run: this.live.run, steps: this.live.stepMap };
  }

  async record(changes: readonly StepChange[], checkpoints: readonly NewCheckpoint[] = []): Promise<void> {
    await this.live.change((draft) => {
      assertOpen(draft.run, "running");
      for (const change of changes) changeStep(draft, change);
      for (const checkpoint of checkpoints) addCheckpoint(draft, checkpoint);
    });
  }

  finish(end: RunFinish): Promise<void> {
    return this.finishWith([], end);
  }

  async finishWith(changes: readonly StepChange[], end: RunFinish): Promise<void> {
    assertResultSize(end);
    await this.live.change((draft) => {
      assertOpen(draft.run, end.status);
      for (const change of changes) changeStep(draft, change);
      endRun(draft, end);
    });
  }

  onChange(fn: () => void): () => void {
    return this.live.onChange(fn);
  }

  async lastCheckpoint(step: string): Promise<Json | undefined> {
    return this.workers.lastCheckpoint(this.id, step);
  }

  log(lines: readonly LogLine[]): void {
    this.desk.options.onLog(this.id, lines);
  }
}
