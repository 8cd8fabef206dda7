import { OrcoError } from "../kernel/errors.ts";

interface Usage {
  bytes: number;
  uploads: number;
}

/** Counts what a run has on disk and what is on its way there, while there are uploads. */
export class Quota {
  private readonly runs = new Map<string, Usage>();

  /** `stored` counts what is on disk; asked when no other upload of the run is under way. */
  enter(run: string, stored: () => number): Share {
    const usage = this.runs.get(run) ?? { bytes: stored(), uploads: 0 };
    usage.uploads += 1;
    this.runs.set(run, usage);
    return new Share(usage, () => {
      if (usage.uploads === 0) this.runs.delete(run);
    });
  }
}

/** Of one upload. */
class Share {
  private bytes = 0;

  constructor(
    private readonly usage: Usage,
    private readonly onLeave: () => void,
  ) {}

  /** Throws `too_large` when the run would have more than it may. */
  add(bytes: number, maxBytes: number): void {
    if (this.usage.bytes + bytes > maxBytes)
      throw new OrcoError("too_large", `the artifacts of a run have ${maxBytes} bytes at most together`, { max_bytes: maxBytes });
    this.usage.bytes += bytes;
    this.bytes += bytes;
  }

  /** It took the place of one of so many bytes. */
  replaced(bytes: number): void {
    this.usage.bytes -= bytes;
  }

  leave(stored: boolean): void {
    if (!stored) this.usage.bytes -= this.bytes;
    this.usage.uploads -= 1;
    this.onLeave();
  }
}
