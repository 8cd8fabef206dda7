/**
 * How far a pod's log was read. The API gives no offsets, and a log that was rotated begins somewhere in the middle; what identifies a line is its time stamp
 * (nanoseconds, made by the container runtime) and which one of that microsecond it is. As a number: microseconds since a day before the Job was
 * made (clocks of nodes differ) × 256 + lines of that microsecond. 2^53 is reached after 400 days.
 */
const LINES_PER_US = 256;
const MARGIN_MS = 86_400_000;
/** `2026-01-01T00:00:00.123456789Z `, zeros at the end left out; some runtimes write an offset for Z. */
const STAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?/;

export interface StampedLine {
  /** Microseconds since the base of the log. */
  readonly us: number;
  /** Epoch ms. */
  readonly at: number;
  readonly text: string;
}

/** Undefined: the runtime did not stamp it. */
export function stampedLine(line: string, createdAt: number): StampedLine | undefined {
  const match = STAMP.exec(line);
  if (!match) return undefined;
  const [head = "", time = "", fraction = "", zone = "Z"] = match;
  const seconds = Date.parse(`${time}${zone}`);
  if (Number.isNaN(seconds)) return undefined;
  const us = Math.floor(Number(fraction.padEnd(9, "0")) / 1000);
  return { us: (seconds - createdAt + MARGIN_MS) * 1000 + us, at: seconds + Math.floor(us / 1000), text: line.slice(head.length) };
}

/** For `sinceTime`; kubelets look at whole seconds only. */
export function sinceTime(us: number, createdAt: number): string {
  return new Date(createdAt - MARGIN_MS + Math.floor(us / 1000)).toISOString();
}

/** What of one kind of lines was read: their time stamps only grow, also when those of two streams do not. */
export class LogCursor {
  private us: number;
  private count: number;
  /** Lines of the last microsecond seen since the log was opened again; undefined once past the place. */
  private again: number | undefined = 0;

  /** `consumed`: as `take` gave it; 0 for the beginning. */
  constructor(consumed = 0) {
    this.us = Math.floor(consumed / LINES_PER_US);
    this.count = consumed % LINES_PER_US;
  }

  get place(): number {
    return this.us;
  }

  /** The log is read anew, from here or from before. */
  reopen(): void {
    this.again = 0;
  }

  /** How far the log is read with this line; `seen` when it was taken before, `late` when it comes after lines of a later time. */
  take(us: number): number | "seen" | "late" {
    if (this.again !== undefined) {
      if (us < this.us) return "seen";
      if (us === this.us && this.again < this.count) {
        this.again += 1;
        return "seen";
      }
      this.again = undefined;
    }
    if (us < this.us) return "late";
    this.count = us === this.us ? Math.min(this.count + 1, LINES_PER_US - 1) : 1;
    this.us = us;
    return us * LINES_PER_US + this.count;
  }

  /** Lines of before this were read by whoever read the other kind up to here. */
  advanceTo(us: number): void {
    if (us <= this.us) return;
    this.us = us;
    this.count = 0;
  }
}
