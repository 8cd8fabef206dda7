import { linearPattern } from "../../kernel/pattern.ts";
import type { LogProbe } from "../health.ts";
import type { LogRecord } from "../logs/record.ts";

export interface LogWatchOptions {
  readonly spec: LogProbe;
  readonly subscribe: (listener: (record: LogRecord) => void) => () => void;
  /** It matched before this daemon came. */
  readonly seen: boolean;
  readonly onMatch: () => void;
}

/** Waits for a line of this start; once seen it stays seen, and no further line is looked at. */
export class LogWatch {
  private readonly spec: LogProbe;
  private seen: boolean;
  private unsubscribe: (() => void) | undefined;

  constructor({ spec, subscribe, seen, onMatch }: LogWatchOptions) {
    this.seen = seen;
    this.spec = spec;
    if (seen) return;
    const pattern = linearPattern(spec.pattern);
    this.unsubscribe = subscribe((record) => {
      if (this.seen || !isAbout(record, spec) || !pattern.matcher(record.message).find()) return;
      this.seen = true;
      this.stop();
      onMatch();
    });
    // The line may have come while subscribing.
    if (this.seen) this.stop();
  }

  get result(): { ok: boolean; detail: string } {
    return { ok: this.seen, detail: this.seen ? `log matched "${this.spec.pattern}"` : `log has no "${this.spec.pattern}" yet` };
  }

  stop(): void {
    this.unsubscribe?.();
    this.unsubscribe = undefined;
  }
}

function isAbout(record: LogRecord, { sources, levels }: LogProbe): boolean {
  if (record.source === "orco" || !sources.includes(record.source)) return false;
  return levels === undefined || levels.includes(record.level ?? "info");
}
