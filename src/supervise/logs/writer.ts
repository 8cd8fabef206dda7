import { closeSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { errnoOf } from "../../kernel/errors.ts";
import { type Cursor, cursorKey } from "./cursor.ts";
import { encodeEntry, ENTRY_BYTES, type Entry, FLAG, NO_INSTANCE, STREAM } from "./entry.ts";
import { cutQuietly, writeAll } from "./file.ts";
import type { LoggingSpec } from "./record.ts";
import { recover, removeSegment } from "./recover.ts";
import { expired, mustRotate } from "./retention.ts";
import { type ActiveSegment, type Segment, segmentPath } from "./segment.ts";

/** Some records of one stream, or only the news that an instance has ended. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly replica: number;
  /** In order, one entry of the index each; together they cover `bytes`. */
  readonly parts: readonly Part[];
}

/** Records of one time. */
export interface Part {
  /** Of the bytes. */
  readonly size: number;
  readonly lines: number;
  readonly ts: number;
  /** Absent for orco's own lines. */
  readonly cursor?: Cursor;
  readonly ended?: boolean;
}

/** Streams whose cursors are kept; the longest unused go first, so that instances that never end cannot pile up. */
const MAX_CURSORS = 512;
/** Ended instances wait for their removal a moment each; far fewer than these at one time. */
const MAX_PAST = 64;
/** How many entries recovery reads at most before it meets a snapshot; more where one is long, so that they stay a small part of the index. */
const SNAPSHOT_EVERY = 512;
const SNAPSHOT_SHARE = 16;
const NOTHING = new Uint8Array(0);

/** The files of one service: the only thing that writes them. Every method leaves them at a checkpoint, also when it throws. */
export class SegmentWriter {
  /** Oldest first; the last one is written on. */
  readonly segments: Segment[];
  private active: ActiveSegment | undefined;
  private readonly cursors: Map<string, Cursor>;
  /** Of instances that have ended. */
  private readonly past: Map<string, Cursor>;
  private files: { readonly segment: ActiveSegment; readonly log: number; readonly idx: number } | undefined;
  private sinceSnapshot = SNAPSHOT_EVERY;

  constructor(
    private readonly dir: string,
    public limits: LoggingSpec,
  ) {
    const { segments, active, cursors, past } = recover(dir);
    this.segments = segments;
    this.active = active;
    this.cursors = cursors;
    this.past = past;
  }

  get lastSeq(): number {
    return this.active?.lastSeq ?? 0;
  }

  get lastTs(): number {
    return this.active?.lastTs ?? 0;
  }

  cursor(instance: string, stream: number): Cursor | undefined {
    const key = cursorKey(instance, stream);
    return this.cursors.get(key) ?? this.past.get(key);
  }

  /** Throws the system's error (ENOSPC, …), and then nothing of the batch is there. */
  append(batch: Batch): void {
    const files = this.filesFor(batch);
    const { segment } = files;
    const at = { end: segment.end, seq: segment.lastSeq };
    const entries = Buffer.allocUnsafe(batch.parts.length * ENTRY_BYTES);
    for (const [i, part] of batch.parts.entries()) {
      at.end += part.size;
      at.seq += part.lines;
      encodeEntry(entryOf(part, batch.replica, at), entries, i * ENTRY_BYTES);
    }
    try {
      if (batch.bytes.length > 0) writeAll(files.log, batch.bytes, segment.end);
      writeAll(files.idx, entries, segment.entries * ENTRY_BYTES);
    } catch (error) {
      this.cutBack();
      throw error;
    }
    for (const part of batch.parts) {
      if (part.lines > 0) segment.firstTs ??= part.ts;
      segment.lastTs = part.ts;
      this.remember(part);
    }
    Object.assign(segment, { end: at.end, lastSeq: at.seq, entries: segment.entries + batch.parts.length });
    this.maybeSnapshot(batch.parts.length);
  }

  /** Removes what is too much or too old; an active segment that is too old is closed first. True when something went. */
  sweep(now: number): boolean {
    const { maxAgeMs } = this.limits;
    const { active } = this;
    if (active && active.end > 0 && maxAgeMs !== undefined && now - active.lastTs > maxAgeMs) this.tryRotate();
    const count = expired(this.segments, { ...this.limits, now });
    for (const segment of this.segments.splice(0, count)) removeSegment(segment.path);
    return count > 0;
  }

  close(): void {
    if (!this.files) return;
    closeSync(this.files.log);
    closeSync(this.files.idx);
    this.files = undefined;
  }

  private filesFor(batch: Batch): NonNullable<typeof this.files> {
    const { active } = this;
    const now = batch.parts[0]?.ts ?? this.lastTs;
    const bytes = batch.bytes.length + (batch.parts.length - 1) * ENTRY_BYTES;
    if (!active || (batch.bytes.length > 0 && mustRotate(active, bytes, { ...this.limits, now }))) {
      this.rotate();
      this.sweep(now);
    }
    const segment = this.active;
    if (!segment) throw new Error("a log without a segment");
    if (this.files?.segment !== segment) {
      this.close();
      this.files = openForWriting(segment);
    }
    return this.files;
  }

  /** A full disk must not keep old segments from being removed. */
  private tryRotate(): void {
    try {
      this.rotate();
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** Starts a segment. Its index appears under its name only when the snapshot in it is whole. */
  private rotate(): void {
    const path = segmentPath(this.dir, this.lastSeq + 1);
    const segment: ActiveSegment = {
      path,
      firstSeq: this.lastSeq + 1,
      entries: 0,
      end: 0,
      lastSeq: this.lastSeq,
      firstTs: undefined,
      lastTs: this.lastTs,
    };
    const snapshot = this.snapshot(segment);
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.tmp`, snapshot, { mode: 0o600 });
    writeFileSync(`${path}.log`, NOTHING, { mode: 0o600 });
    renameSync(`${path}.tmp`, `${path}.idx`);
    segment.entries = snapshot.length / ENTRY_BYTES;
    this.segments.push(segment);
    this.active = segment;
    this.sinceSnapshot = 0;
    this.close();
  }

  private snapshot({ end, lastSeq, lastTs }: Segment): Buffer {
    const cursors = [...this.past.values(), ...this.cursors.values()];
    const out = Buffer.alloc((cursors.length + 1) * ENTRY_BYTES);
    const base = { end, seq: lastSeq, ts: lastTs };
    encodeEntry(
      { ...base, spool: 0, instance: NO_INSTANCE, replica: 0, stream: STREAM.orco, flags: FLAG.snapshot, left: cursors.length },
      out,
    );
    for (const [at, cursor] of cursors.entries()) {
      const { offset: spool, instance, replica, stream, midline } = cursor;
      const flags = FLAG.snapshot | (midline ? FLAG.midline : 0) | (at < this.past.size ? FLAG.ended : 0);
      encodeEntry({ ...base, spool, instance, replica, stream, flags, left: cursors.length - at - 1 }, out, (at + 1) * ENTRY_BYTES);
    }
    return out;
  }

  private maybeSnapshot(entries: number): void {
    this.sinceSnapshot += entries;
    const every = Math.max(SNAPSHOT_EVERY, SNAPSHOT_SHARE * (this.cursors.size + this.past.size));
    if (this.sinceSnapshot < every || !this.files) return;
    this.sinceSnapshot = 0;
    const { segment, idx } = this.files;
    const snapshot = this.snapshot(segment);
    try {
      writeAll(idx, snapshot, segment.entries * ENTRY_BYTES);
      segment.entries += snapshot.length / ENTRY_BYTES;
    } catch {
      this.cutBack(); // only a shortcut for recovery; the next one is as good
    }
  }

  private remember({ cursor, ended }: Part): void {
    if (!cursor) return;
    if (ended) return this.retire(cursor.instance);
    keep(this.cursors, cursor, MAX_CURSORS);
  }

  /** Cursors outlive the end: a daemon killed before the spools are removed leaves them to one that must not read them again. */
  private retire(instance: string): void {
    for (const stream of [STREAM.stdout, STREAM.stderr]) {
      const cursor = this.cursors.get(cursorKey(instance, stream));
      if (!cursor) continue;
      this.cursors.delete(cursorKey(instance, stream));
      keep(this.past, cursor, MAX_PAST);
    }
  }

  private cutBack(): void {
    if (!this.files) return;
    cutQuietly(this.files.log, this.files.segment.end);
    cutQuietly(this.files.idx, this.files.segment.entries * ENTRY_BYTES);
  }
}

/** Puts the cursor last; the longest unused go first. */
function keep(cursors: Map<string, Cursor>, cursor: Cursor, most: number): void {
  const key = cursorKey(cursor.instance, cursor.stream);
  cursors.delete(key);
  cursors.set(key, cursor);
  const [oldest] = cursors.keys();
  if (cursors.size > most && oldest !== undefined) cursors.delete(oldest);
}

function openForWriting(segment: ActiveSegment): { segment: ActiveSegment; log: number; idx: number } {
  const idx = openSync(`${segment.path}.idx`, "r+");
  try {
    return { segment, idx, log: openSync(`${segment.path}.log`, "r+") };
  } catch (error) {
    closeSync(idx);
    throw error;
  }
}

function entryOf({ ts, cursor, ended }: Part, replica: number, { end, seq }: { end: number; seq: number }): Entry {
  const flags = (cursor?.midline ? FLAG.midline : 0) | (ended ? FLAG.ended : 0);
  const { instance = NO_INSTANCE, stream = STREAM.orco, offset: spool = 0 } = cursor ?? {};
  return { end, seq, ts, spool, instance, replica, stream, flags, left: 0 };
}
