import type { Clock } from "../kernel/clock.ts";
import { withoutControl } from "../kernel/plain-text.ts";
import type { StepName } from "./record.ts";

/** Lines are told together: a build says hundreds a second. */
const BATCH_MS = 200;
const BATCH_LINES = 100;
/** What watchers of one step get at most; the artifact has all. */
const MOST_BATCHES = 400;
const MAX_LINE = 1000;
const MOST_TOLD_CHARS = 2 * 1024 * 1024;

interface OutputOptions {
  readonly clock: Clock;
  readonly step: StepName;
  /** Several lines, joined by line feeds. */
  readonly tell: (message: string) => Promise<void>;
  /** Every line, whole. */
  readonly keep: (lines: readonly string[]) => void;
  readonly onError: (error: unknown) => void;
}

/** What a step says: every line to its artifact, and in batches to who watches. */
export class StepOutput {
  private waiting: string[] = [];
  private batches = 0;
  private chars = 0;
  private callOff: (() => void) | undefined;
  private told: Promise<void> = Promise.resolve();

  constructor(private readonly options: OutputOptions) {}

  readonly line = (text: string): void => {
    this.waiting.push(withoutControl(text).trimEnd());
    if (this.waiting.length >= BATCH_LINES) this.flush();
    else this.callOff ??= this.options.clock.after(BATCH_MS, () => this.flush());
  };

  /** Resolves when everything said so far is where it belongs. */
  async end(): Promise<void> {
    this.flush();
    await this.told;
  }

  private flush(): void {
    this.callOff?.();
    this.callOff = undefined;
    const lines = this.waiting;
    this.waiting = [];
    if (lines.length === 0) return;
    const { keep, tell, onError } = this.options;
    try {
      keep(lines);
    } catch (error) {
      // A full disk does not end what can go on without its log.
      onError(error);
    }
    const message = this.messageOf(lines);
    if (message !== undefined) this.told = this.told.then(() => tell(message)).catch(onError);
  }

  private messageOf(lines: readonly string[]): string | undefined {
    this.batches++;
    if (this.batches > MOST_BATCHES) return undefined;
    const text = lines.map((line) => line.slice(0, MAX_LINE)).join("\n");
    this.chars += text.length;
    if (this.batches < MOST_BATCHES && this.chars <= MOST_TOLD_CHARS) return text;
    this.batches = MOST_BATCHES;
    return `... ${this.options.step} goes on; the artifact ${this.options.step}.log has all of it`;
  }
}
