import type { Clock } from "../kernel/clock.ts";
import type { Lanes } from "./lane.ts";

/** A run as far as it decides whether its lane rests. */
interface Laned {
  readonly kind: string;
  readonly lane: string;
}

interface RestOptions {
  readonly lanes: Lanes;
  readonly clock: Clock;
  /** Epoch ms. */
  readonly notBefore?: ((run: Laned) => number) | undefined;
  /** It may go. */
  readonly onWake: (run: string) => void;
}

/** Lanes in which nobody begins for a while: wakes them when it is over. */
export class Rest {
  private readonly timers = new Map<string, () => void>();
  private closed = false;

  constructor(private readonly options: RestOptions) {}

  rests(run: Laned): boolean {
    return this.until(run) > this.options.clock.now();
  }

  /** Where the lane rests and somebody waits. One that is woken before its time (the clock was set) looks again. */
  wakeLater({ kind, lane }: Laned): void {
    const { lanes, clock, onWake } = this.options;
    if (this.closed || this.timers.has(lane) || lanes.holder(lane) !== undefined || lanes.waiting(lane).length === 0) return;
    const wake = (): void => {
      this.timers.delete(lane);
      if (this.rests({ kind, lane })) return this.wakeLater({ kind, lane });
      const run = lanes.wake(lane);
      if (run !== undefined) onWake(run);
    };
    this.timers.set(lane, clock.after(Math.max(0, this.until({ kind, lane }) - clock.now()), wake));
  }

  close(): void {
    this.closed = true;
    for (const callOff of this.timers.values()) callOff();
    this.timers.clear();
  }

  private until(run: Laned): number {
    return this.options.notBefore?.(run) ?? 0;
  }
}
