import type { CancelTimer, Clock } from "../../kernel/clock.ts";
import { decide, merged, type Seen, type Todo } from "./decide.ts";

/** A change that is not through by then gives way to a newer one: what is broken is not waited for while its repair lies there. */
const PATIENCE_MS = 5000;

interface LoopPorts {
  readonly clock: Clock;
  /** Never rejects. Resolves with false when it gave way, for the signal aborted, and is to be done again. */
  readonly carryOut: (todo: Todo, signal: AbortSignal) => Promise<boolean>;
}

interface UnderWay {
  readonly ended: Promise<void>;
  readonly since: number;
  readonly giveWay: AbortController;
}

/** One action at a time: what changes meanwhile is collected into one more. */
export class WatchLoop {
  private pending: readonly Seen[] = [];
  private underWay: UnderWay | undefined;
  private cancelPatience: CancelTimer = () => undefined;
  private closed = false;

  constructor(private readonly ports: LoopPorts) {}

  add(seen: readonly Seen[]): void {
    this.pending = merged([...this.pending, ...seen]);
    if (this.underWay) this.hurry(this.underWay);
    else this.begin();
  }

  /** Resolves when nothing is being done any more. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancelPatience();
    this.underWay?.giveWay.abort();
    await this.underWay?.ended;
  }

  private begin(): void {
    if (this.closed || this.pending.length === 0) return;
    const seen = this.pending;
    this.pending = [];
    const giveWay = new AbortController();
    this.underWay = { giveWay, since: this.ports.clock.monotonic(), ended: this.carryOut(seen, giveWay.signal) };
  }

  private async carryOut(seen: readonly Seen[], signal: AbortSignal): Promise<void> {
    const done = await this.ports.carryOut(decide(seen), signal);
    if (!done) this.pending = merged([...seen, ...this.pending]);
    this.cancelPatience();
    this.underWay = undefined;
    this.begin();
  }

  private hurry({ since, giveWay }: UnderWay): void {
    const { clock } = this.ports;
    this.cancelPatience();
    this.cancelPatience = clock.after(Math.max(0, since + PATIENCE_MS - clock.monotonic()), () => giveWay.abort());
  }
}
