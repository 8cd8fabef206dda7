import { errnoOf } from "../../kernel/errors.ts";
import type { Entry } from "./entry.ts";
import { type Segment, SegmentFile } from "./segment.ts";

/** The records of one batch: what one index entry covers. */
export interface Span {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When all of them were read, epoch ms. */
  readonly ts: number;
  readonly instance: string;
  readonly replica: number;
  readonly flags: number;
  /** Records right before these that are gone. */
  readonly lost: number;
  /** Where reading its bytes now would wait for the disk: resolves when it does no longer. */
  readonly fetch: () => Promise<void> | undefined;
  readonly lines: () => string[];
  /** All of its lines and maybe some before them, undecoded. */
  readonly bytes: () => Buffer;
}

/** The last record that is not wanted, or the time of the first that is. */
export type Start = { readonly seq: number } | { readonly sinceMs: number };

/** Walks a service's log batch by batch, forward, also while it grows and its old segments are removed. */
export class Scan {
  private file: SegmentFile | undefined;
  private at = 0;
  private seq = 0;
  /** Until there is such a record. */
  private sinceMs: number | undefined;

  constructor(
    private readonly segments: () => readonly Segment[],
    start: Start,
  ) {
    if ("seq" in start) this.seq = start.seq;
    else this.sinceMs = start.sinceMs;
  }

  get lastSeq(): number {
    return this.seq;
  }

  /** Undefined when there is nothing more at the moment. */
  next(): Span | undefined {
    for (;;) {
      if (!this.file && !this.openNext()) return undefined;
      const span = this.nextInFile();
      if (span) return span;
      if (!this.hasNewer()) return undefined;
      this.close();
    }
  }

  close(): void {
    this.file?.close();
    this.file = undefined;
  }

  private nextInFile(): Span | undefined {
    const { file } = this;
    if (!file) return undefined;
    while (this.at < file.segment.entries) {
      const at = this.at++;
      const entry = file.entry(at);
      if (!entry || entry.seq <= this.seq) continue;
      const span = spanOf(file, at, entry);
      const firstSeq = Math.max(span.firstSeq, this.seq + 1);
      const lost = span.firstSeq - this.seq - 1;
      this.seq = span.lastSeq;
      return { ...span, firstSeq, lost: Math.max(0, lost), lines: () => span.lines().slice(firstSeq - span.firstSeq) };
    }
    file.rest();
    return undefined;
  }

  private hasNewer(): boolean {
    const own = this.file?.segment.firstSeq ?? 0;
    return this.segments().some((segment) => segment.firstSeq > own && segment.lastSeq > this.seq);
  }

  private openNext(): boolean {
    const segments = this.segments();
    if (this.sinceMs !== undefined) return this.openSince(segments, this.sinceMs);
    for (const [at, segment] of segments.entries()) {
      const below = (segments[at + 1]?.firstSeq ?? Number.POSITIVE_INFINITY) - 1 <= this.seq;
      if (below || segment.lastSeq <= this.seq) continue;
      const file = openIfThere(segment);
      if (!file) continue;
      this.file = file;
      this.at = file.search((entry) => entry.seq > this.seq);
      return true;
    }
    return false;
  }

  private openSince(segments: readonly Segment[], sinceMs: number): boolean {
    const place = placeOf(segments, sinceMs);
    if (!place) return false;
    ({ file: this.file, at: this.at, seq: this.seq } = place);
    this.sinceMs = undefined;
    return true;
  }
}

/** All batches newest first. */
export function* backwards(segments: readonly Segment[]): Generator<Span> {
  for (const segment of segments.toReversed()) {
    const file = openIfThere(segment);
    if (!file) continue;
    try {
      for (let at = segment.entries - 1; at >= 0; at--) {
        const entry = file.entry(at);
        if (entry) yield spanOf(file, at, entry);
      }
    } finally {
      file.close();
    }
  }
}

/** seq of the last record read before `ts`: by the index, not by a scan. */
export function seqBefore(segments: readonly Segment[], ts: number): number {
  const place = placeOf(segments, ts);
  place?.file.close();
  return place?.seq ?? segments.at(-1)?.lastSeq ?? 0;
}

/** Where the records since `ts` begin, in a file that is the caller's to close; `seq` is of the one before. */
function placeOf(segments: readonly Segment[], ts: number): { file: SegmentFile; at: number; seq: number } | undefined {
  // From the newest: of those that are far too old nothing has to be read.
  const older = segments.findLastIndex(({ end, lastTs }) => end > 0 && lastTs < ts);
  for (const segment of segments.slice(older + 1)) {
    const file = openIfThere(segment);
    let at = segment.entries;
    try {
      at = file?.search((entry) => entry.ts >= ts) ?? at;
      if (file && at < segment.entries) return { file, at, seq: file.entry(at - 1)?.seq ?? segment.firstSeq - 1 };
    } finally {
      if (at >= segment.entries) file?.close();
    }
  }
  return undefined;
}

function spanOf(file: SegmentFile, at: number, entry: Entry): Span {
  const before = file.entry(at - 1);
  const from = before?.end ?? 0;
  const firstSeq = (before?.seq ?? file.segment.firstSeq - 1) + 1;
  const { seq: lastSeq, ts, instance, replica, flags } = entry;
  const bytes = (): Buffer => file.bytes(from, entry.end);
  const fetch = (): Promise<void> | undefined => file.fetch(from, entry.end);
  return { firstSeq, lastSeq, ts, instance, replica, flags, lost: 0, bytes, fetch, lines: () => linesOf(bytes()) };
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString().split("\n");
  lines.pop();
  return lines;
}

/** Retention may remove a segment between the list and the open. */
function openIfThere(segment: Segment): SegmentFile | undefined {
  try {
    return new SegmentFile(segment);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
