import type { PlanStep } from "../plan.ts";

/** How many processes of steps there may be at once, over all runs of a machine; who asks first is served first. */
export class Slots {
  private free: number;
  private readonly queue = new Set<() => void>();

  constructor(total: number) {
    this.free = total;
  }

  /** False when none is free, or others wait for one already. */
  tryTake(): boolean {
    if (this.free <= 0 || this.queue.size > 0) return false;
    this.free -= 1;
    return true;
  }

  /** For what runs already: there may be fewer than none free until others have ended. */
  takeAnyway(): void {
    this.free -= 1;
  }

  /** Gives `granted` the next free one. Returns how to withdraw. */
  ask(granted: () => void): () => void {
    this.queue.add(granted);
    return () => void this.queue.delete(granted);
  }

  release(): void {
    this.free += 1;
    while (this.free > 0) {
      const [first] = this.queue;
      if (!first) return;
      this.queue.delete(first);
      this.free -= 1;
      first();
    }
  }
}

/** The slots that one driver holds. Without a limiter it may have any number. */
export class SlotHolder {
  /** Granted and not in use. */
  private spare = 0;
  private withdraw: (() => void) | undefined;

  constructor(
    private readonly slots: Slots | undefined,
    private readonly onGranted: () => void,
  ) {}

  /** False: there is none now, and `onGranted` will say when to try again. */
  take(): boolean {
    if (!this.slots) return true;
    if (this.spare > 0) {
      this.spare -= 1;
      return true;
    }
    if (this.slots.tryTake()) return true;
    this.withdraw ??= this.slots.ask(() => {
      this.withdraw = undefined;
      this.spare += 1;
      this.onGranted();
    });
    return false;
  }

  takeAnyway(): void {
    this.slots?.takeAnyway();
  }

  release(): void {
    this.slots?.release();
  }

  /** What was granted and found no use goes to others. */
  releaseSpare(): void {
    for (; this.spare > 0; this.spare--) this.slots?.release();
  }

  close(): void {
    this.withdraw?.();
    this.withdraw = undefined;
    this.releaseSpare();
  }
}

/** Requests are no processes. */
export function needsSlot(spec: PlanStep | undefined): boolean {
  return spec?.http === undefined;
}
