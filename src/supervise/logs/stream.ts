import type { Clock } from "../../kernel/clock.ts";
import { messageOf } from "../../kernel/errors.ts";
import type { Cursor } from "./cursor.ts";
import type { TimedSource } from "./convoy.ts";
import { CutWatch } from "./cut-watch.ts";
import { bytesToSplit, type Cut, cut } from "./cut.ts";
import { type BatchContext, encodeLines, encodePiece } from "./encode.ts";
import { type Group, groupsOf } from "./groups.ts";
import { Pace } from "./pace.ts";
import type { Redactor } from "./redact.ts";
import type { Spool } from "./spool.ts";
import type { Times } from "./times.ts";
import type { Batch, Part } from "./writer.ts";

/** What a stream needs of its service. */
export interface Sink {
  redactor(): Redactor | undefined;
  /** Somebody waits for lines. */
  watched(): boolean;
  /** A write failed less than a second ago. */
  stalled(): boolean;
  context(): SinkContext;
  /** Largest batch of records in bytes, unless one record alone is larger, and from its first line's time to its last's. */
  maxBatch(): { bytes: number; ms: number };
  /** False while the log cannot be written; then the batch is not there and must be made again later. */
  append(batch: Batch, json: string): boolean;
  failed(what: string): void;
}

/** `ts`: now; `floor`: no record has an earlier time. */
export type SinkContext = Pick<BatchContext, "service" | "format" | "redactor" | "ts" | "seq"> & { readonly floor: number };

/** Buffers shared by all streams of a store: everything between a read and its checkpoint happens in one turn. */
export interface Scratch {
  chunk: Buffer;
  encoder: TextEncoder;
  out: Uint8Array;
}

export interface StreamOptions {
  readonly start: Cursor;
  readonly source: "stdout" | "stderr";
  readonly spool: Spool;
  /** Of its lines; without, they have the time at which they are read. */
  readonly times?: Times;
  readonly sink: Sink;
  readonly scratch: Scratch;
  readonly clock: Clock;
}

const RETRY_MS = 1000;
const MIN_CHUNK_BYTES = 4 * 1024;
const FIRST_CHUNK_BYTES = 32 * 1024;
const MAX_CHUNK_BYTES = 256 * 1024;
/** Records a step is meant to make, and time it is meant to take, so that it leaves room for others in a slice. */
const STEP_LINES = 4096;
const STEP_MS = 5;
const LINE_FEED = 10;
/** How often an idle spool is asked whether it was cut off: that costs more than to ask whether it has grown. */
const CUT_LOOK_MS = 1000;

/** Reads one spool from its cursor on and hands the lines to its service, one checkpoint a step. It keeps no bytes between steps. */
export class Stream implements TimedSource {
  private cursor: Cursor;
  private chunkBytes = FIRST_CHUNK_BYTES;
  /** Bytes after the cursor that are known to decide nothing yet. */
  private waiting = 0;
  /** Of this step: lines that are later stay. */
  private until = Number.POSITIVE_INFINITY;
  private end: { readonly at: number; readonly done: () => void } | undefined;
  private readonly pace: Pace;
  private readonly cuts: CutWatch;
  private nextCutLook = 0;

  constructor(private readonly options: StreamOptions) {
    this.cursor = options.start;
    this.pace = new Pace(options.clock.monotonic());
    this.cuts = new CutWatch(options.spool);
  }

  dueAt(): number {
    return this.pace.dueAt;
  }

  hurry(): void {
    this.pace.hurry(this.options.clock.monotonic());
  }

  /** Reads what is there now to its end, a last line without line break too, then calls `done`. */
  finish(done: () => void): void {
    this.end = { at: this.quietly(this.cursor.offset, () => this.options.spool.size()), done };
    this.waiting = 0;
    this.hurry();
  }

  poll(now: number): boolean {
    const output = this.quietly(false, () => this.options.spool.reaches(this.cursor.offset + this.waiting) || this.isCut(now));
    this.pace.next(now, output, this.options.sink.watched());
    return output || this.end !== undefined;
  }

  headMs(): number {
    const { offset } = this.cursor;
    return this.quietly(undefined, () => this.options.times?.marks(offset, offset)[0].ms) ?? Number.POSITIVE_INFINITY;
  }

  step(until = Number.POSITIVE_INFINITY): boolean {
    this.until = until;
    try {
      return this.work();
    } catch (error) {
      this.options.sink.failed(`${this.options.source}: ${messageOf(error)}`);
      return this.rest();
    }
  }

  close(): void {
    this.options.times?.close();
    this.options.spool.close();
  }

  private isCut(now: number): boolean {
    if (now < this.nextCutLook) return false;
    this.nextCutLook = now + CUT_LOOK_MS;
    return this.cuts.isCut(this.options.spool.looks(), this.cursor.offset);
  }

  /** What its writer says from then on stands at the beginning. */
  private beginAnewIfCut(): void {
    const { spool, sink, source } = this.options;
    const looks = spool.looks();
    const isCut = this.cuts.isCut(looks, this.cursor.offset);
    this.cuts.saw(looks);
    if (!isCut) return;
    this.cursor = { ...this.cursor, offset: 0, midline: false };
    this.waiting = 0;
    this.cuts.forget();
    if (this.end) this.end = { ...this.end, at: looks.size };
    sink.failed(`${source} was cut off by the service, as "> /dev/${source}" does, and lines may be missing: let it append (>>)`);
  }

  private work(): boolean {
    this.beginAnewIfCut();
    const { at, final } = this.limit();
    if (at <= this.cursor.offset) return this.finished();
    if (this.options.sink.stalled()) return this.rest();
    if (!final && this.staysWaiting(at)) return false;
    let bytes = this.read(at);
    let found = this.cut(bytes, at);
    if (found.kind === "wait" && bytes.length < Math.min(found.bytes, at - this.cursor.offset)) {
      bytes = this.read(at, found.bytes);
      found = this.cut(bytes, at);
    }
    return this.take(bytes, found);
  }

  private cut(bytes: Buffer, limit: number): Cut {
    const final = this.end !== undefined && this.cursor.offset + bytes.length >= limit;
    return cut(bytes, { midline: this.cursor.midline, redactor: this.options.sink.redactor(), final });
  }

  /** A long line that grows slowly is not read from its start again until its line break, or enough to split it, is there. */
  private staysWaiting(limit: number): boolean {
    const { scratch, sink, spool } = this.options;
    const length = limit - this.cursor.offset;
    const fresh = length - this.waiting;
    if (this.waiting === 0 || length >= bytesToSplit(sink.redactor()) || fresh > scratch.chunk.length) return false;
    const part = scratch.chunk.subarray(0, spool.read(scratch.chunk.subarray(0, fresh), this.cursor.offset + this.waiting));
    if (part.includes(10)) return false;
    this.waiting += part.length;
    return true;
  }

  private take(bytes: Buffer, found: Cut): boolean {
    if (found.kind === "wait") {
      this.waiting = bytes.length;
      return this.finished(); // when an end was set, the file is shorter than it was
    }
    this.waiting = 0;
    const ok = found.kind === "piece" ? this.commitPiece(bytes, found) : this.commitLines(bytes, found.next);
    return ok || this.rest();
  }

  private limit(): { at: number; final: boolean } {
    return this.end ? { at: this.end.at, final: true } : { at: this.options.spool.size(), final: false };
  }

  private read(limit: number, least = 0): Buffer {
    const { scratch, spool } = this.options;
    const want = Math.min(Math.max(this.chunkBytes, least), limit - this.cursor.offset);
    if (scratch.chunk.length < want) scratch.chunk = Buffer.allocUnsafeSlow(Math.max(want, bytesToSplit(undefined)));
    return scratch.chunk.subarray(0, spool.read(scratch.chunk.subarray(0, want), this.cursor.offset));
  }

  private commitLines(bytes: Buffer, next: number): boolean {
    const started = this.options.clock.monotonic();
    const { json, parts, end } = this.encoded(bytes, next);
    const lines = parts.reduce((sum, part) => sum + part.lines, 0);
    const most = this.options.sink.maxBatch().bytes;
    const tookMs = this.options.clock.monotonic() - started;
    const room = Math.min(STEP_LINES / lines, most / json.length, STEP_MS / tookMs);
    this.chunkBytes = Math.max(MIN_CHUNK_BYTES, Math.min(MAX_CHUNK_BYTES, this.chunkBytes * 4, Math.ceil(end * room)));
    if (json.length > most && lines > 1) {
      const half = bytes.lastIndexOf(LINE_FEED, end >> 1) + 1 || bytes.indexOf(LINE_FEED) + 1;
      return this.commitLines(bytes, half);
    }
    return this.commit(json, parts, bytes.subarray(0, end));
  }

  /** Records of the first lines: all before `next`, but for those that are not to be in one batch with them. */
  private encoded(bytes: Buffer, next: number): { json: string; parts: Part[]; end: number } {
    const context = this.context();
    const parts: Part[] = [];
    let { seq } = context;
    let json = "";
    let at = 0;
    for (const { end, ts } of this.groups(bytes, next, context)) {
      const text = bytes.toString("utf8", at, end);
      const made = encodeLines(bytes[end - 1] === LINE_FEED ? text : `${text}\n`, { ...context, ts, seq });
      const cursor = { ...this.cursor, offset: this.cursor.offset + end, midline: false };
      parts.push({ size: Buffer.byteLength(made.json), lines: made.lines, ts, cursor });
      json += made.json;
      seq += made.lines;
      at = end;
    }
    return { json, parts, end: at };
  }

  private groups(bytes: Buffer, next: number, { ts, floor }: SinkContext): Group[] {
    const { times, sink } = this.options;
    if (!times) return [{ end: next, ts }];
    const { offset: base } = this.cursor;
    return groupsOf(bytes, times.marks(base, base + next), { base, next, now: ts, floor, until: this.until, spanMs: sink.maxBatch().ms });
  }

  private commitPiece(bytes: Buffer, { end, next, last }: Extract<Cut, { kind: "piece" }>): boolean {
    const context = this.context();
    const [{ ts }] = this.groups(bytes, 1, context) as [Group];
    const { json, lines } = encodePiece(bytes.toString("utf8", 0, end), last, { ...context, ts });
    const cursor = { ...this.cursor, offset: this.cursor.offset + next, midline: !last };
    return this.commit(json, [{ size: Buffer.byteLength(json), lines, ts, cursor }], bytes.subarray(0, next));
  }

  private commit(json: string, parts: readonly Part[], read: Buffer): boolean {
    const { scratch, sink, times } = this.options;
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    if (scratch.out.length < size) scratch.out = new Uint8Array(size * 2);
    scratch.encoder.encodeInto(json, scratch.out);
    if (!sink.append({ bytes: scratch.out.subarray(0, size), replica: this.cursor.replica, parts }, json)) return false;
    this.cursor = parts.at(-1)?.cursor ?? this.cursor;
    this.cuts.read(read);
    this.cuts.free(this.cursor.offset, sink.redactor() !== undefined);
    times?.free();
    return true;
  }

  private context(): SinkContext & BatchContext {
    const { sink, source } = this.options;
    return { ...sink.context(), source, replica: this.cursor.replica };
  }

  private finished(): boolean {
    const end = this.end;
    this.end = undefined;
    end?.done();
    return false;
  }

  /** After a failure: again in a second. */
  private rest(): false {
    this.pace.rest(this.options.clock.monotonic(), RETRY_MS);
    return false;
  }

  /** A spool that cannot be read is told once, and looked at again later. */
  private quietly<T>(fallback: T, look: () => T): T {
    try {
      return look();
    } catch (error) {
      this.options.sink.failed(`${this.options.source}: ${messageOf(error)}`);
      return fallback;
    }
  }
}
