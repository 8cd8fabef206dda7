import type { Json } from "../../kernel/event.ts";
import type { PlanStep } from "../plan.ts";
import { STEP, type StepState } from "../record.ts";

const ITEM = /^(.+)\[(\d+)\]$/;

/** `build[3]` → build and 3; undefined for a step of the plan. */
export function itemOf(id: string): { readonly parent: string; readonly index: number } | undefined {
  const [, parent, index] = ITEM.exec(id) ?? [];
  return parent === undefined ? undefined : { parent, index: Number(index) };
}

/** A `for_each` under way: which of its items have begun and ended. */
export class Group {
  /** The first item that has never begun. */
  next = 0;
  /** Begun and not ended: running, or waiting to be tried again. */
  open = 0;
  ended = 0;
  canceled = false;
  readonly failed: number[] = [];
  private readonly begun = new Set<number>();

  constructor(
    readonly spec: PlanStep,
    readonly items: readonly Json[],
  ) {}

  put(index: number, before: StepState | undefined, after: StepState): void {
    this.begun.add(index);
    while (this.begun.has(this.next)) this.next++;
    const wasOpen = before !== undefined && !STEP.isFinal(before.status);
    const isOpen = !STEP.isFinal(after.status);
    this.open += Number(isOpen) - Number(wasOpen);
    if (isOpen || (before && !wasOpen)) return;
    this.ended += 1;
    if (after.status === "failed") this.failed.push(index);
    if (after.status === "canceled") this.canceled = true;
  }

  get isDone(): boolean {
    return this.ended === this.items.length;
  }

  get hasRoom(): boolean {
    return this.next < this.items.length && this.open < this.limit;
  }

  get limit(): number {
    return this.spec.for_each?.max_parallel ?? 1;
  }

  /** Items that may begin now, first ones first. */
  *startable(): Generator<number> {
    let room = this.limit - this.open;
    for (let index = this.next; index < this.items.length && room > 0; index++) {
      if (this.begun.has(index)) continue;
      room -= 1;
      yield index;
    }
  }
}
