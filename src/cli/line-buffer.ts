import { OutputClosed, type Io } from "./io.ts";

const FLUSH_CHARS = 64 * 1024;

/** Lines to standard output, many at a time when they come fast, at once when they do not. */
export class LineBuffer {
  private pending = "";
  private scheduled = false;
  private readonly controller = new AbortController();

  constructor(private readonly io: Pick<Io, "out" | "onUnread">) {}

  /** Notices that nobody reads any more also while there are no lines. Returns how to stop that. */
  watch(): () => void {
    return this.io.onUnread?.(() => this.controller.abort(new OutputClosed())) ?? (() => undefined);
  }

  /** Aborts, with the reason, when nobody reads any more. */
  get closed(): AbortSignal {
    return this.controller.signal;
  }

  /** Throws what kept lines from being written, unless nobody wanted them. */
  check(): void {
    const reason: unknown = this.closed.reason;
    if (this.closed.aborted && !(reason instanceof OutputClosed)) throw reason;
  }

  push(line: string): void {
    this.pending += `${line}\n`;
    if (this.pending.length >= FLUSH_CHARS) this.flush();
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    const text = this.pending;
    this.pending = "";
    if (text === "" || this.closed.aborted) return;
    try {
      this.io.out(text);
    } catch (error) {
      this.controller.abort(error);
    }
  }
}
