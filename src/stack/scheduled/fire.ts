import { hasEnded } from "../../supervise/instance.ts";
import type { Runs } from "../../workflow/execute.ts";
import type { RunRow } from "../../workflow/run.ts";
import { serviceOf } from "../graph.ts";
import type { Stacks } from "../stacks.ts";
import { scheduleLane, type ScheduleOwner } from "./book.ts";
import { overlapOf } from "./overlap.ts";
import { SCHEDULED, STARTED } from "./workflow.ts";

export interface Firing extends ScheduleOwner {
  /** The id its run has to have. */
  readonly run: string;
}

/** Turns times that have come into runs. */
export class ScheduledRuns {
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly stacks: Pick<Stacks, "find">,
    private readonly runs: Runs,
  ) {}

  /**
   * Makes the run unless it is there, or none is wanted: then `skipped` says why. Resolves when it is on disk; safe to repeat. Several times that come
   * at once are looked at one after the other, each knowing of those before.
   */
  fire(firing: Firing): Promise<{ readonly skipped?: string }> {
    const turn = this.turn.then(() => this.fireOne(firing));
    this.turn = turn.catch(() => undefined);
    return turn;
  }

  private async fireOne({ run: id, ...owner }: Firing): Promise<{ readonly skipped?: string }> {
    if (this.runs.knows(id)) return {};
    const stack = this.stacks.find(owner.stack);
    const schedule = serviceOf(stack?.record.spec, owner.service)?.schedule;
    if (!stack || !schedule) return { skipped: `${owner.service} of stack ${owner.stack} has no schedule any more` };
    const present = this.runs.underWay({ ...owner }).filter(({ kind }) => kind === SCHEDULED);
    const running = present.length > 0 || stack.supervisorsOf(owner.service).some(({ slot }) => !hasEnded(slot));
    const verdict = overlapOf(schedule.overlap, { running, waiting: present.some((row) => this.waits(row)) });
    if (typeof verdict === "object") return { skipped: verdict.skip };
    if (verdict === "replace") await Promise.all(present.map((row) => this.end(row)));
    const input = { ...owner, replace: verdict === "replace" };
    await this.runs.submit({ kind: SCHEDULED, id, lane: scheduleLane(owner), input, labels: { ...owner }, onBusy: "queue" });
    return {};
  }

  private waits({ id }: RunRow): boolean {
    return !this.runs.steps(id).some(({ name }) => name === STARTED);
  }

  private async end({ id }: RunRow): Promise<void> {
    if (this.runs.underWay({}).some((row) => row.id === id)) await this.runs.cancel(id, "its next run replaces it (overlap: replace)");
  }
}
