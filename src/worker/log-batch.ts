import type { CancelTimer, Clock } from "../kernel/clock.ts";
import { piecesOf } from "../runs/logs/pieces.ts";
import type { LogLine } from "../runs/ports.ts";

/** Lines wait this long for company. */
const GATHER_MS = 200;
const MAX_LINES = 1000;
const MAX_BYTES = 256 * 1024;
/** While the daemon cannot be reached; then the oldest go. */
const MAX_WAITING = 20_000;
const MAX_WAITING_CHARS = 16 * 1024 * 1024;

/** Lines on their way to the daemon, in portions. Best effort: what finds no room, and what cannot be sent, is counted and said. */
export class LogBatch {
  private waiting: LogLine[] = [];
  private chars = 0;
  private dropped = 0;
  private cancel: CancelTimer | undefined;
  private sending: Promise<void> | undefined;

  constructor(
    private readonly clock: Pick<Clock, "after" | "now">,
    private readonly ports: {
      readonly send: (lines: readonly LogLine[]) => Promise<unknown>;
      /** The daemon has refused a portion. */
      readonly onRefused: (error: unknown) => void;
    },
  ) {}

  add(lines: readonly LogLine[]): void {
    for (const line of lines) this.waiting.push(...piecesOf(line));
    this.chars += charsOf(lines);
    while (this.waiting.length > MAX_WAITING || this.chars > MAX_WAITING_CHARS) this.dropped += this.taken(this.excess()).length;
    this.cancel ??= this.clock.after(GATHER_MS, () => void this.flush());
  }

  /** Resolves when nothing waits. Never rejects. */
  async flush(): Promise<void> {
    this.cancel?.();
    this.cancel = undefined;
    this.sending ??= this.sendAll().finally(() => (this.sending = undefined));
    await this.sending;
  }

  close(): void {
    this.cancel?.();
    this.taken(this.waiting.length);
  }

  private taken(count: number): LogLine[] {
    const taken = this.waiting.splice(0, count);
    this.chars -= charsOf(taken);
    return taken;
  }

  private excess(): number {
    return Math.max(1, this.waiting.length - MAX_WAITING);
  }

  private async sendAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const portion = this.taken(this.portion());
      const note = this.note(portion);
      try {
        await this.ports.send(note ? [note, ...portion] : portion);
      } catch (error) {
        this.dropped += portion.length;
        this.ports.onRefused(error);
      }
    }
  }

  /** How many lines fit in one request; one at least. */
  private portion(): number {
    let bytes = 0;
    const end = this.waiting.findIndex(({ message }, at) => at >= MAX_LINES || ((bytes += message.length + 100) > MAX_BYTES && at > 0));
    return end === -1 ? this.waiting.length : end;
  }

  private note([first]: readonly LogLine[]): LogLine | undefined {
    if (this.dropped === 0 || !first) return undefined;
    const { step, attempt } = first;
    const message = `${this.dropped} lines were lost on the way from the worker`;
    this.dropped = 0;
    return { at: this.clock.now(), step, attempt, source: "orco", level: "warn", message };
  }
}

function charsOf(lines: readonly LogLine[]): number {
  return lines.reduce((sum, { message }) => sum + message.length, 0);
}
