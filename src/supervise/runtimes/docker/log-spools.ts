import { TimedFrames, type TimedPiece } from "../../docker/log-frames.ts";
import type { Spools } from "../../runtime.ts";
import { SpoolEnd, STEP_BACK_MS } from "./spool-end.ts";

/** Bytes that are held until `flush`, unless a single piece is larger. */
const HELD_BYTES = 256 * 1024;
const FIRST_BYTES = 8 * 1024;

type Stream = TimedPiece["stream"];

/** Bytes of one stream, and the times that begin in them. */
interface Run {
  readonly stream: Stream;
  readonly from: number;
  readonly marks: { readonly at: number; readonly ms: number }[];
}

/**
 * Both spools of an instance, written from docker's log of it. What is held is written in the order of the log, so that whatever ends the writing, the
 * spools have the log up to some line and nothing behind it: from the later of their two times everything is read again, and what they have is passed over.
 */
export class LogSpools {
  /** Epoch ms to read from; undefined: from the beginning. */
  readonly sinceMs: number | undefined;
  private readonly ends: Readonly<Record<Stream, SpoolEnd>>;
  private readonly frames = new TimedFrames((bytes, piece) => this.hold(bytes, piece));
  private held = Buffer.allocUnsafe(FIRST_BYTES);
  private used = 0;
  private runs: Run[] = [];

  /** Throws the system's error, as `take` and `flush` do. */
  constructor(spools: Spools) {
    this.ends = { stdout: new SpoolEnd(spools.stdout), stderr: new SpoolEnd(spools.stderr) };
    this.sinceMs = sinceOf(Object.values(this.ends));
  }

  get isEmpty(): boolean {
    return this.used === 0;
  }

  /** Bytes of a log with times, as they come. */
  take(bytes: Buffer): void {
    this.frames.take(bytes);
  }

  /** When it throws, what was held is lost to these spools: they are to be opened anew, and the log is read again. */
  flush(): void {
    const { runs, used, held } = this;
    this.runs = [];
    this.used = 0;
    for (const [index, { stream, from, marks }] of runs.entries()) {
      const end = this.ends[stream];
      for (const { at, ms } of marks) end.note(at, ms);
      end.write(held.subarray(from, runs[index + 1]?.from ?? used));
    }
    // A service that wrote much once does not hold on to the memory.
    if (held.length > FIRST_BYTES && used < held.length / 8) this.held = Buffer.allocUnsafe(FIRST_BYTES);
  }

  close(): void {
    for (const end of Object.values(this.ends)) end.close();
  }

  private hold(bytes: Buffer, { stream, ms, from, to }: TimedPiece): void {
    const taken = this.ends[stream].take(to - from, ms);
    const start = from + taken.skip;
    if (start === to) return;
    this.makeRoom(to - start);
    let run = this.runs.at(-1);
    if (run?.stream !== stream) this.runs.push((run = { stream, from: this.used, marks: [] }));
    if (run.marks.at(-1)?.ms !== taken.ms) run.marks.push({ at: taken.at, ms: taken.ms });
    this.used += bytes.copy(this.held, this.used, start, to);
  }

  private makeRoom(bytes: number): void {
    if (this.used > 0 && this.used + bytes > HELD_BYTES) this.flush();
    if (this.used + bytes <= this.held.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.used + bytes, Math.min(this.held.length * 4, HELD_BYTES)));
    this.held.copy(larger, 0, 0, this.used);
    this.held = larger;
  }
}

/** A stream that stands in the middle of a line may go on with the time of that line's beginning; and clocks are set back a little now and then. */
function sinceOf(ends: readonly SpoolEnd[]): number | undefined {
  const latest = ends.reduce((time, { stoodAt = 0 }) => Math.max(time, stoodAt), 0);
  const from = ends.reduce((time, { midline, stoodAt = time }) => (midline ? Math.min(time, stoodAt) : time), latest);
  return latest === 0 ? undefined : from - STEP_BACK_MS;
}
