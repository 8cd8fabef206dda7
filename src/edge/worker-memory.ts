import type { Clock } from "../kernel/clock.ts";
import type { FromWorker } from "./channel.ts";

const LOOK_MS = 2_000;

export interface MemoryOptions {
  readonly clock: Clock;
  readonly boundBytes: number;
  readonly log: (message: string) => void;
  /** False when no daemon is there to hear it. */
  readonly tell: (message: FromWorker) => boolean;
}

/** Asks to be replaced while resident memory is above the bound. Without a daemon the worker goes on: routes matter more than memory. */
export class MemoryBound {
  private asked = false;

  constructor(private readonly options: MemoryOptions) {}

  watch(): void {
    this.options.clock.after(LOOK_MS, () => {
      this.look();
      this.watch();
    });
  }

  private look(): void {
    const { boundBytes, log, tell } = this.options;
    if (process.memoryUsage.rss() <= boundBytes) return void (this.asked = false);
    // What is only garbage goes before anybody is bothered.
    Bun.gc(true);
    const rssBytes = process.memoryUsage.rss();
    if (rssBytes <= boundBytes) return;
    const heard = tell({ type: "pressure", rssBytes, boundBytes });
    if (!this.asked)
      log(`${rssBytes} bytes resident, above ${boundBytes}: ${heard ? "asked to be replaced" : "nobody is there to replace it"}`);
    this.asked = true;
  }
}
