import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import type { Proof } from "../identity.ts";
import type { ExitPoll } from "../exit-poll.ts";

/** How closely the end of an instance is watched for: our own children report it, adopted ones and those being stopped must be looked at. */
export type Pace = "own" | "adopted" | "stopping";

export interface Watched {
  readonly pace: Pace;
  readonly shim: Proof;
  /** Cheap: is there an exit file? `thorough`: and is the shim still the process it was? */
  look(thorough: boolean): void;
}

const EVERY_MS: Readonly<Record<Pace, number>> = { own: 1000, adopted: 100, stopping: 5 };
/** The exit of a child can be missed, and a shim can be killed. */
const THOROUGH_MS = 1000;

/**
 * One timer for all instances, as fast as the most urgent needs it; none when there are none. Where the kernel has pidfds one
 * system call a tick asks about all of them; two hundred looks into /proc and at exit files would cost a percent of a core.
 */
export class Watch {
  private readonly all = new Set<Watched>();
  private cancel: CancelTimer | undefined;
  private everyMs = Infinity;
  private thoroughAt = 0;

  constructor(
    private readonly clock: Clock,
    private readonly polled?: ExitPoll,
  ) {}

  add(watched: Watched): void {
    this.all.add(watched);
    this.polled?.add(watched.shim);
    this.pace();
  }

  remove(watched: Watched): void {
    if (this.all.delete(watched)) this.polled?.remove(watched.shim);
    this.pace();
  }

  /** A pace has changed. */
  pace(): void {
    const everyMs = Math.min(Infinity, ...Array.from(this.all, ({ pace }) => EVERY_MS[pace]));
    if (everyMs === this.everyMs) return;
    this.everyMs = everyMs;
    this.cancel?.();
    this.cancel = everyMs === Infinity ? undefined : this.clock.after(everyMs, () => this.tick());
  }

  close(): void {
    for (const { shim } of this.all) this.polled?.remove(shim);
    this.all.clear();
    this.pace();
  }

  private tick(): void {
    const thorough = this.clock.monotonic() >= this.thoroughAt;
    if (thorough) this.thoroughAt = this.clock.monotonic() + THOROUGH_MS;
    this.cancel = this.clock.after(this.everyMs, () => this.tick());
    const ended = this.polled?.ended();
    for (const watched of this.all) {
      if (this.polled?.has(watched.shim)) {
        if (ended?.has(watched.shim)) watched.look(true);
      } else if (thorough || watched.pace !== "own") watched.look(thorough);
    }
  }
}
