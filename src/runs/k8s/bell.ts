import type { Clock } from "../../kernel/clock.ts";

/** Wakes one loop. Rung while nobody waits, it is heard by the next wait. */
export class Bell {
  private rung = false;
  private wake: (() => void) | undefined;

  constructor(private readonly clock: Clock) {}

  readonly ring = (): void => {
    this.rung = true;
    this.wake?.();
  };

  /** Resolves when it rings, or after `ms`. */
  async heard(ms = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.rung) {
      await new Promise<void>((resolve) => {
        const cancel = Number.isFinite(ms) ? this.clock.after(ms, resolve) : () => {};
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
