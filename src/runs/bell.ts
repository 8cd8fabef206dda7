import type { Clock } from "../kernel/clock.ts";

/** Wakes one loop: a ring while nobody waits is not lost, several are one. */
export class Bell {
  private rung = false;
  private wake: (() => void) | undefined;

  constructor(private readonly clock: Pick<Clock, "after">) {}

  readonly ring = (): void => {
    this.rung = true;
    this.wake?.();
  };

  /** Resolves when it rings, or after `ms`. */
  async wait(ms = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.rung) {
      await new Promise<void>((resolve) => {
        const cancel = Number.isFinite(ms) ? this.clock.after(ms, resolve) : () => undefined;
        this.wake = () => {
          cancel();
          resolve();
        };
      });
      this.wake = undefined;
    }
    this.rung = false;
  }
}
