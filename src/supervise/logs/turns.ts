import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../kernel/clock.ts";

/** Records worked through before the event loop gets its turn, and how long that may take where they are large or the disk slow. */
const TURN_RECORDS = 2048;
const TURN_MS = 8;
/** A look at the clock for each record would cost a tenth of reading it. */
const LOOK_RECORDS = 64;

/** Shares the event loop with others. */
export class Turns {
  private work = 0;
  private lookAt = LOOK_RECORDS;
  private until: number;

  constructor(private readonly clock: Clock) {
    this.until = clock.monotonic() + TURN_MS;
  }

  /** `cost` in records. Where it is others' turn: what to wait for. */
  spend(cost: number): Promise<void> | undefined {
    this.work += cost;
    if (this.work < this.lookAt) return undefined;
    this.lookAt = this.work + LOOK_RECORDS;
    if (this.work < TURN_RECORDS && this.clock.monotonic() < this.until) return undefined;
    return this.rest(setImmediate());
  }

  /** Others have their turn while this is waited for. */
  async rest(over: Promise<void>): Promise<void> {
    await over;
    this.work = 0;
    this.lookAt = LOOK_RECORDS;
    this.until = this.clock.monotonic() + TURN_MS;
  }
}
