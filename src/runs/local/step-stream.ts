import type { Clock } from "../../kernel/clock.ts";
import { type Cut, cut } from "../../supervise/logs/cut.ts";
import { Pace } from "../../supervise/logs/pace.ts";
import type { Source } from "../../supervise/logs/pump.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import type { Spool } from "../../supervise/logs/spool.ts";
import { CutWatch, TAIL_BYTES } from "../../supervise/logs/cut-watch.ts";
import type { ReadAt } from "./read-cursor.ts";

/** Shared by all streams of a runner: what is read is used up within the turn. */
export interface Scratch {
  chunk: Buffer;
}

export interface StreamOptions {
  readonly spool: Spool;
  readonly start: ReadAt;
  readonly redactor: Redactor | undefined;
  readonly clock: Clock;
  readonly scratch: Scratch;
  /** A line, or a piece of one that is too long. Reading goes on when what it returns has resolved; that must not reject. */
  readonly take: (text: string, line: { readonly end: number; readonly piece: boolean }) => Promise<void> | undefined;
  /** More was read and taken. */
  readonly onRead: () => void;
  /** It wants to be looked at. */
  readonly wake: () => void;
  /** The spool could not be read; told once. */
  readonly onTrouble: (error: unknown) => void;
  /** The writer has cut off its spool; what was not read by then is lost. */
  readonly onCut: () => void;
  /** Nothing is read any more; the spool may be closed. */
  readonly closing: AbortSignal;
  readonly maxBacklogBytes: number;
  /** More than that waits to be read. What waits is passed over. */
  readonly onFlood: () => void;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const MIN_CHUNK_BYTES = 4 * 1024;
const MAX_CHUNK_BYTES = 256 * 1024;
/** What one step is meant to take, so that it leaves room for others in a slice. */
const STEP_MS = 3;
/** Steps in a row, each right after what the last one waited for, before others get their turn. */
const MAX_BURST = 16;
const RETRY_MS = 1000;
/** How often it is looked at how much waits while a line is being taken. */
const HELD_LOOK_MS = 250;
/** Tries at a spool that cannot be read, after its writer has ended. */
const MAX_FAILURES = 10;

/** Reads one spool of an execution from a place in it to its end, a line at a time, and waits wherever a line has to be taken. */
export class StepStream implements Source {
  private at: ReadAt;
  private readonly pace: Pace;
  private readonly cuts: CutWatch;
  private chunkBytes = MIN_CHUNK_BYTES;
  /** Bytes after `at` that were seen and hold no whole line. */
  private unfinished = 0;
  private held = false;
  private burst = 0;
  private failures = 0;
  private end: { readonly done: () => void } | undefined;

  constructor(private readonly options: StreamOptions) {
    this.at = options.start;
    this.pace = new Pace(options.clock.monotonic());
    this.cuts = new CutWatch(options.spool);
  }

  /** Everything before it was taken. */
  get position(): ReadAt {
    return this.at;
  }

  /** What was read is given back. */
  free(): void {
    this.cuts.free(this.place, true);
  }

  dueAt(): number {
    return this.pace.dueAt;
  }

  poll(now: number): boolean {
    this.burst = 0;
    if (this.held) {
      this.pace.rest(now, HELD_LOOK_MS);
      if (this.isFlooded()) this.options.onFlood();
      return false;
    }
    const output = this.hasNews();
    this.pace.next(now, output, false);
    return output || this.end !== undefined;
  }

  /** Nothing is written any more: reads to the end, a last line without line break too. */
  finish(): Promise<void> {
    return new Promise((done) => {
      this.end = { done };
      this.unfinished = 0;
      this.goOn();
    });
  }

  step(): boolean {
    if (this.held || this.options.closing.aborted) return false;
    try {
      const more = this.work();
      this.failures = 0;
      return more;
    } catch (error) {
      return this.failed(error);
    }
  }

  private work(): boolean {
    const looks = this.options.spool.looks();
    if (this.cuts.isCut(looks, this.place)) this.beginAnew();
    this.cuts.saw(looks);
    const limit = looks.size;
    if (limit <= this.place) return this.finished();
    if (limit - this.place > this.options.maxBacklogBytes) return this.skipTo(limit);
    let bytes = this.read(limit, this.chunkBytes);
    let found = this.cut(bytes, limit);
    if (found.kind === "wait" && bytes.length < Math.min(found.bytes, limit - this.place)) {
      bytes = this.read(limit, found.bytes);
      found = this.cut(bytes, limit);
    }
    if (found.kind === "lines") return this.lines(bytes, found.next);
    if (found.kind === "piece") return this.piece(bytes, found);
    this.unfinished = bytes.length;
    return this.finished(); // where an end was set, the file is shorter than it was
  }

  /** Where `at` is in the file. */
  private get place(): number {
    return this.at.offset - (this.at.base ?? 0);
  }

  private beginAnew(): void {
    this.at = { offset: this.at.offset, midline: false, base: this.at.offset };
    this.unfinished = 0;
    this.cuts.forget();
    this.options.onCut();
  }

  private hasNews(): boolean {
    try {
      const looks = this.options.spool.looks();
      return looks.size > this.place + this.unfinished || this.cuts.isCut(looks, this.place);
    } catch {
      return true; // the step that follows tells
    }
  }

  private isFlooded(): boolean {
    try {
      return this.options.spool.size() - this.place > this.options.maxBacklogBytes;
    } catch {
      return false;
    }
  }

  private skipTo(limit: number): true {
    this.options.onFlood();
    this.cuts.forget();
    this.advance({ offset: this.at.offset + limit - this.place, midline: true });
    return true;
  }

  private cut(bytes: Buffer, limit: number): Cut {
    const final = this.end !== undefined && this.place + bytes.length >= limit;
    return cut(bytes, { midline: this.at.midline, redactor: this.options.redactor, final });
  }

  private read(limit: number, most: number): Buffer {
    const { scratch, spool } = this.options;
    const want = Math.min(most, limit - this.place);
    if (scratch.chunk.length < want) scratch.chunk = Buffer.allocUnsafeSlow(Math.max(want, MAX_CHUNK_BYTES));
    return scratch.chunk.subarray(0, spool.read(scratch.chunk.subarray(0, want), this.place));
  }

  private lines(bytes: Buffer, next: number): boolean {
    const { clock, take } = this.options;
    const began = clock.monotonic();
    const base = this.at.offset;
    for (let from = 0; from < next;) {
      const feed = bytes.indexOf(LINE_FEED, from);
      const end = feed < 0 ? next : feed + 1;
      const taken = take(this.text(bytes, from, feed < 0 ? next : feed), { end: base + end, piece: false });
      if (taken) return this.hold(taken, { bytes, from, end });
      from = end;
    }
    const tookMs = clock.monotonic() - began;
    const wanted = Math.min(this.chunkBytes * 4, Math.ceil((next * STEP_MS) / tookMs));
    this.chunkBytes = Math.max(MIN_CHUNK_BYTES, Math.min(MAX_CHUNK_BYTES, wanted));
    this.cuts.read(bytes.subarray(0, next));
    this.advance({ offset: base + next, midline: false });
    return true;
  }

  private text(bytes: Buffer, from: number, to: number): string {
    const stop = to > from && bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
    return this.clean(bytes.toString("utf8", from, stop));
  }

  private piece(bytes: Buffer, { end, next, last }: Extract<Cut, { kind: "piece" }>): boolean {
    const offset = this.at.offset + next;
    void this.options.take(this.clean(bytes.toString("utf8", 0, end)), { end: offset, piece: true });
    this.cuts.read(bytes.subarray(0, next));
    this.advance({ offset, midline: !last });
    return true;
  }

  private clean(text: string): string {
    return this.options.redactor?.clean(text) ?? text;
  }

  /** The rest of the chunk is read again afterwards: held in memory, it would be there once for every step. */
  private hold(taken: Promise<void>, { bytes, from, end }: { bytes: Buffer; from: number; end: number }): false {
    const { offset } = this.at;
    const line = Buffer.from(bytes.subarray(Math.max(from, end - TAIL_BYTES), end));
    this.held = true;
    this.chunkBytes = MIN_CHUNK_BYTES;
    this.cuts.read(bytes.subarray(0, from));
    this.advance({ offset: offset + from, midline: false });
    void taken.then(() => {
      this.held = false;
      this.cuts.read(line);
      this.advance({ offset: offset + end, midline: false });
      this.pace.hurry(this.options.clock.monotonic()); // who has just spoken may go on
      this.goOn();
    });
    return false;
  }

  private advance(to: Omit<ReadAt, "base">): void {
    this.at = { ...this.at, ...to };
    this.unfinished = 0;
    this.options.onRead();
  }

  /** At once, without waiting for a timer, unless it has had more than its share. */
  private goOn(): void {
    const more = this.burst++ >= MAX_BURST || this.step();
    if (more) this.pace.hurry(this.options.clock.monotonic());
    this.options.wake();
  }

  /** After a failure: again in a second. */
  private failed(error: unknown): false {
    if (this.failures++ === 0) this.options.onTrouble(error);
    if (this.failures >= MAX_FAILURES) return this.finished();
    this.pace.rest(this.options.clock.monotonic(), RETRY_MS);
    return false;
  }

  private finished(): false {
    const { end } = this;
    this.end = undefined;
    end?.done();
    return false;
  }
}
