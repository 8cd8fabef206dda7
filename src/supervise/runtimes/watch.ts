import type { CancelTimer, Clock } from "../../kernel/clock.ts";

/** How closely the end of an instance is watched for: our own children report it, adopted ones and those being stopped must be looked at. */
export type Pace = "own" | "adopted" | "stopping";

export interface Watched {
  readonly pace: Pace;
  /** Cheap: is there an exit file? `thorough`: and is the shim still the process it was? */
  look(thorough: boolean): void;
}

const EVERY_MS: Readonly<Record<Pace, number>> = { own: 1000, adopted: 100, stopping: 5 };
/** The exit of a child can be missed, and a shim can be killed. */
const THOROUGH_MS = 1000;

/** One timer for all instances, as fast as the most urgent needs it; none when there are none. */
export class Watch {
  private readonly all = new Set<Watched>();
  private cancel: CancelTimer | undefined;
  private everyMs = Infinity;
  private thoroughAt = 0;

  constructor(private readonly clock: Clock) {}

  add(watched: Watched): void {
    this.all.add(watched);
    this.pace();
  }

  remove(watched: Watched): void {
    this.all.delete(watched);
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
    this.all.clear();
    this.pace();
  }

  private tick(): void {
    const thorough = this.clock.monotonic() >= this.thoroughAt;
    if (thorough) this.thoroughAt = this.clock.monotonic() + THOROUGH_MS;
    this.cancel = this.clock.after(this.everyMs, () => this.tick());
    for (const watched of this.all) if (thorough || watched.pace !== "own") watched.look(thorough);
  }
}
