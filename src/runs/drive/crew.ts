import type { StepEnd } from "../ports.ts";
import type { Execution } from "./execution.ts";
import type { Frontier } from "./frontier.ts";
import type { EndedExecution } from "./moment.ts";
import { needsSlot, type SlotHolder } from "./slots.ts";

/** The executions of one driver: those under way, and those that have ended and are not recorded so. */
export class Crew {
  readonly ended = new Map<string, EndedExecution & { readonly execution: Execution }>();
  private readonly working = new Map<string, Execution>();
  private readonly losses = new Map<string, number>();

  constructor(private readonly slots: SlotHolder) {}

  /** It holds a slot already, where it needs one. */
  add(execution: Execution): void {
    this.working.set(execution.order.step, execution);
  }

  /** One that a former driver has begun. */
  addFound(execution: Execution): void {
    const { step, spec } = execution.order;
    if (needsSlot(spec)) this.slots.takeAnyway();
    // That the driver before is gone is not counted against the step.
    this.losses.set(step, -1);
    this.add(execution);
  }

  markEnded(execution: Execution, end: StepEnd): void {
    const { step, attempt, spec } = execution.order;
    const losses = end.kind === "lost" ? (this.losses.get(step) ?? 0) + 1 : 0;
    if (losses > 0) this.losses.set(step, losses);
    else this.losses.delete(step);
    this.working.delete(step);
    this.ended.set(step, { step, attempt, end, timedOut: execution.timedOut, losses, execution });
    if (needsSlot(spec)) this.slots.release();
  }

  /** Its end is on disk. */
  settle(step: string): void {
    this.ended.get(step)?.execution.release();
    this.ended.delete(step);
  }

  /** Ends that are recorded, or are of no account any more, are forgotten. Returns the open steps that nobody here knows. */
  compare({ open, steps }: Frontier): string[] {
    for (const [step, { attempt }] of this.ended) if (!open.has(step) || steps.get(step)?.attempt !== attempt) this.settle(step);
    return [...open].filter((step) => !this.working.has(step) && !this.ended.has(step));
  }

  stop(step: string, why: "cancel" | "timeout", graceMs: number): void {
    this.working.get(step)?.stop(why, graceMs);
  }

  /** Each with its own grace unless one is given. */
  stopAll(graceMs?: number): void {
    for (const execution of this.working.values()) execution.stop("cancel", graceMs ?? execution.order.spec.grace_ms);
  }

  get isWorking(): boolean {
    return this.working.size > 0;
  }

  leave(): void {
    for (const execution of this.working.values()) execution.leave();
  }
}
