import { closeSync, constants, mkdirSync, openSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { cutQuietly, writeAll } from "../../supervise/logs/file.ts";
import type { Redactor } from "../../supervise/logs/redact.ts";
import type { LogLine } from "../ports.ts";
import { decodeLine, encodeLine } from "./line.ts";
import { piecesOf } from "./pieces.ts";
import { MAX_LOG_BYTES, MAX_SEGMENT_BYTES, type Segment, segmentAt, segmentsIn, sizeOf } from "./segments.ts";
import { Taken } from "./taken.ts";

interface SizedSegment extends Segment {
  bytes: number;
}

/** Characters encoded before they are written. */
const CHUNK_CHARS = 256 * 1024;

/** The log of one run: the only thing that writes it. It holds no file open: steps that say little are many. */
export class RunLogWriter {
  private readonly segments: SizedSegment[];
  private readonly taken = new Taken();
  private seq = 0;

  /** Brings the log to its last whole line, whatever instant its writer was killed at. */
  constructor(
    private readonly dir: string,
    private readonly redactor: Redactor | undefined,
  ) {
    this.segments = segmentsIn(dir).map((segment) => ({ ...segment, bytes: sizeOf(segment.path) }));
    for (let last = this.segments.at(-1); last && !this.recover(last); last = this.segments.at(-1)) {
      rmSync(last.path, { force: true });
      this.segments.pop();
    }
  }

  get lastSeq(): number {
    return this.seq;
  }

  /** Lines that are there already are left out; those that could not be written are told to `lost`. */
  append(lines: readonly LogLine[], lost: (lines: readonly LogLine[], error: unknown) => void): void {
    for (let next = 0; next < lines.length;) {
      // Before its lines are taken: of a write that was cut short the head must not say that all of it is there.
      const head = this.isFull() ? this.taken.encode() : "";
      let text = "";
      let last = this.seq;
      const taken: LogLine[] = [];
      for (; next < lines.length && text.length < CHUNK_CHARS; next++) {
        const line = lines[next];
        if (!line || !this.taken.take(line)) continue;
        taken.push(line);
        // Cleaned as a whole: a secret must not be cut in two.
        for (const piece of piecesOf(cleaned(line, this.redactor))) text += encodeLine(piece, ++last);
      }
      try {
        if (taken.length > 0) this.write(head, text);
        this.seq = last;
      } catch (error) {
        lost(taken, error);
      }
    }
  }

  /** The next chunk begins a segment. */
  private isFull(): boolean {
    const bytes = this.segments.at(-1)?.bytes ?? 0;
    return bytes === 0 || bytes + CHUNK_CHARS > MAX_SEGMENT_BYTES;
  }

  private write(head: string, text: string): void {
    const active = this.segments.at(-1);
    const segment = active && !this.isFull() ? active : this.nextSegment();
    this.writeTo(segment, Buffer.from(segment.bytes === 0 ? head + text : text));
  }

  private writeTo(segment: SizedSegment, bytes: Buffer): void {
    const fd = openSync(segment.path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      writeAll(fd, bytes, segment.bytes);
      segment.bytes += bytes.length;
    } catch (error) {
      cutQuietly(fd, segment.bytes);
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  private nextSegment(): SizedSegment {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    this.dropOldest();
    const last = this.segments.at(-1);
    if (last?.bytes === 0) return last; // its first write failed
    const segment = { ...segmentAt(this.dir, this.seq + 1), bytes: 0 };
    this.segments.push(segment);
    return segment;
  }

  private dropOldest(): void {
    let total = this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
    while (this.segments.length > 1 && total + MAX_SEGMENT_BYTES > MAX_LOG_BYTES) {
      const [oldest] = this.segments.splice(0, 1);
      if (!oldest) return;
      rmSync(oldest.path, { force: true });
      total -= oldest.bytes;
    }
  }

  /** False when there is no whole line in it: the one before says how far the log goes. */
  private recover(last: SizedSegment): boolean {
    const bytes = readFileSync(last.path);
    const whole = bytes.lastIndexOf(10) + 1;
    if (whole < bytes.length) truncateSync(last.path, whole);
    last.bytes = whole;
    if (whole === 0) return false;
    this.seq = last.firstSeq - 1;
    for (const line of bytes.toString("utf8", 0, whole).split("\n")) {
      this.taken.decode(line);
      const stored = decodeLine(line);
      if (!stored) continue;
      this.taken.take(stored);
      this.seq = stored.seq;
    }
    return true;
  }
}

function cleaned(line: LogLine, redactor: Redactor | undefined): LogLine {
  return redactor ? { ...line, message: redactor.clean(line.message) } : line;
}
