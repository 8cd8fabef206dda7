import type { FrontTimeouts } from "../route.ts";
import { HIGH_WATER, type Wire } from "../wire.ts";
import type { Deadline, Deadlines } from "./deadlines.ts";

/** How long a request may take in each of its stages (edge.md, Timeouts): sets the deadline of the client's connection. */
export class Patience {
  /** Of the slow side's queue when the deadline was last looked at. */
  private queuedBefore = 0;

  constructor(
    private readonly of: Pick<Deadline, "dueAt">,
    private readonly deadlines: Deadlines,
    private readonly timeouts: FrontTimeouts,
  ) {}

  /** The request goes to the target. `targetsTurn`: the client has done its part. */
  asking(target: Wire, targetsTurn: boolean): void {
    const { responseHeadersMs, bodyIdleMs, clientMs } = this.timeouts;
    const body = target.queued > HIGH_WATER ? bodyIdleMs : clientMs;
    this.of.dueAt = this.deadlines.in(targetsTurn ? responseHeadersMs : body);
  }

  /** The answer goes to the client. A stream may be silent for ever, but its reader must read. */
  answering(client: Wire, streaming: boolean): void {
    const endless = streaming && client.queued <= HIGH_WATER;
    this.of.dueAt = this.deadlines.in(endless ? 0 : this.timeouts.bodyIdleMs);
  }

  /** Something else watches over the time. */
  none(): void {
    this.of.dueAt = Infinity;
  }

  /** The deadline has come: whether who is slow has taken something since the last time. It gets another one then. */
  progressed(slow: Wire): boolean {
    if (slow.queued === 0 || slow.queued === this.queuedBefore) return false;
    this.queuedBefore = slow.queued;
    this.of.dueAt = this.deadlines.in(this.timeouts.bodyIdleMs);
    return true;
  }
}
