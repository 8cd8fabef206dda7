import type { PlanStep } from "../plan.ts";
import type { Slots } from "../slots.ts";

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
