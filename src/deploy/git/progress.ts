import type { Clock } from "../../kernel/clock.ts";

/** People read a line a second. */
const PAUSE_MS = 1000;
const MAX_LINE = 1024;
/** `Receiving objects:  42% (420/1000), 812.00 MiB | 10.00 MiB/s` */
const PHASE =
  /^(?:remote: )?(Counting objects|Compressing objects|Receiving objects|Unpacking objects|Resolving deltas|Updating files): +(\d{1,3})% \(\d+\/\d+\)(?:, ([\d.]+ \w+))?/;

/** Turns the progress of git on stderr into a line now and then: `receiving objects: 42 %, 812.00 MiB`. Nothing else of what a server says gets through. */
export class Progress {
  private rest = "";
  private phase = "";
  private done = false;
  /** What is over within the first second needs no line. */
  private readonly from: number;
  private toldAt = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly tell: (line: string) => void,
  ) {
    this.from = clock.monotonic() + PAUSE_MS;
  }

  push(chunk: Uint8Array): void {
    const lines = (this.rest + Buffer.from(chunk).toString("latin1")).split(/[\r\n]/);
    this.rest = (lines.pop() ?? "").slice(-MAX_LINE);
    for (const line of lines) this.read(line);
  }

  private read(line: string): void {
    const [, name, percent, size] = PHASE.exec(line) ?? [];
    if (name === undefined) return;
    const now = this.clock.monotonic();
    if (now < this.from) return;
    const begins = name !== this.phase;
    if (begins) this.done = false;
    this.phase = name;
    // What is complete is said once more when git is done with it.
    if (this.done || (!begins && percent !== "100" && now - this.toldAt < PAUSE_MS)) return;
    this.done = percent === "100";
    this.toldAt = now;
    this.tell(`${name.toLowerCase()}: ${percent} %${size === undefined ? "" : `, ${size}`}`);
  }
}
