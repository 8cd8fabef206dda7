import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../kernel/errors.ts";
import { type Cursor, cursorKey } from "./cursor.ts";
import { ENTRY_BYTES, type Entry, FLAG, NO_INSTANCE } from "./entry.ts";
import { EntryBlocks, SEARCH_ENTRIES } from "./entry-blocks.ts";
import type { ActiveSegment, Segment } from "./segment.ts";

interface Last extends Cursors {
  readonly active: ActiveSegment;
}

interface Cursors {
  readonly cursors: Map<string, Cursor>;
  /** Of instances that have ended. */
  readonly past: Map<string, Cursor>;
}

export interface Recovered extends Cursors {
  /** Oldest first. */
  readonly segments: Segment[];
  /** The last of them, which is written on. */
  readonly active: ActiveSegment | undefined;
}

const IDX = /^(\d{16})\.idx$/;

/**
 * Brings a service's files to their last checkpoint, whatever instant the writer was killed at: the last whole index
 * entry decides, bytes after it go and are read from the spool again.
 */
export function recover(dir: string): Recovered {
  const names = tidied(dir);
  let last: Last | undefined;
  while (!last && names.length > 0) {
    const path = join(dir, names.pop() ?? "");
    last = lastSegment(path);
    if (!last) removeSegment(path);
  }
  if (!last) return { segments: [], active: undefined, cursors: new Map(), past: new Map() };
  const closed = names.map((name) => new ClosedSegment(join(dir, name)));
  return { segments: [...closed, last.active], ...last };
}

/** The index goes first: a log without an index is a leftover. */
export function removeSegment(path: string): void {
  rmSync(`${path}.idx`, { force: true });
  rmSync(`${path}.log`, { force: true });
}

/** Removes leftovers of an interrupted rotation or deletion; the names of the segments, oldest first. */
function tidied(dir: string): string[] {
  const files = listed(dir);
  const names = files.flatMap((file) => IDX.exec(file)?.[1] ?? []).toSorted();
  const known = new Set(names.flatMap((name) => [`${name}.idx`, `${name}.log`]));
  for (const file of files) if (!known.has(file)) rmSync(join(dir, file), { force: true, recursive: true });
  return names;
}

function listed(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** The one that is written on, cut to its last checkpoint. */
function lastSegment(path: string): Last | undefined {
  const idx = openSync(`${path}.idx`, "r+");
  try {
    const blocks = new EntryBlocks(idx, SEARCH_ENTRIES);
    const found = lastWhole(idx, sizeOf(`${path}.log`), blocks);
    if (!found) return undefined;
    const { entry, entries } = found;
    if (fstatSync(idx).size !== entries * ENTRY_BYTES) ftruncateSync(idx, entries * ENTRY_BYTES);
    if (sizeOf(`${path}.log`) !== entry.end) truncateLog(path, entry.end);
    const at: EntryAt = (number) => blocks.entry(number, entries);
    return { active: { path, ...figuresOf(path, found), firstTs: firstTs(at, entries) }, ...cursorsBefore(at, entries) };
  } finally {
    closeSync(idx);
  }
}

type Figures = Pick<Segment, "firstSeq" | "entries" | "end" | "lastSeq" | "lastTs">;

function figuresOf(path: string, found: ReturnType<typeof lastWhole>): Figures {
  const firstSeq = Number(path.slice(-16));
  if (!found) return { firstSeq, entries: 0, end: 0, lastSeq: firstSeq - 1, lastTs: 0 };
  const { entry, entries } = found;
  return { firstSeq, entries, end: entry.end, lastSeq: entry.seq, lastTs: entry.ts };
}

/** Written on no more. Its index is looked at when somebody asks: a log may have hundreds of them, and of most nobody does. */
class ClosedSegment implements Segment {
  readonly firstSeq: number;
  readonly firstTs = undefined;
  private known: Figures | undefined;

  constructor(readonly path: string) {
    this.firstSeq = Number(path.slice(-16));
  }

  get entries(): number {
    return this.figures.entries;
  }

  get end(): number {
    return this.figures.end;
  }

  get lastSeq(): number {
    return this.figures.lastSeq;
  }

  get lastTs(): number {
    return this.figures.lastTs;
  }

  private get figures(): Figures {
    return (this.known ??= this.read());
  }

  private read(): Figures {
    try {
      const idx = openSync(`${this.path}.idx`, "r");
      try {
        return figuresOf(this.path, lastWhole(idx, sizeOf(`${this.path}.log`), new EntryBlocks(idx)));
      } finally {
        closeSync(idx);
      }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return figuresOf(this.path, undefined); // gone, or unreadable: then it has no records
    }
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function truncateLog(path: string, end: number): void {
  const log = openSync(`${path}.log`, "a");
  try {
    ftruncateSync(log, end);
  } finally {
    closeSync(log);
  }
}

/** The last entry that is whole and whose bytes are there. */
function lastWhole(idx: number, logBytes: number, blocks: EntryBlocks): { entry: Entry; entries: number } | undefined {
  const written = Math.floor(fstatSync(idx).size / ENTRY_BYTES);
  for (let at = written - 1; at >= 0; at--) {
    const entry = blocks.entry(at, written);
    if (entry && entry.end <= logBytes) return { entry, entries: at + 1 };
  }
  return undefined;
}

type EntryAt = (at: number) => Entry | undefined;

/** Time of the first record: the first entry that covers bytes comes right after the snapshot at the head. */
function firstTs(entryAt: EntryAt, entries: number): number | undefined {
  for (let at = 0; at < entries; at++) {
    const entry = entryAt(at);
    if (entry && entry.end > 0) return entry.ts;
  }
  return undefined;
}

/** Cursors, read backwards as far as the last whole snapshot. */
function cursorsBefore(entryAt: EntryAt, entries: number): Cursors {
  const found: Cursor[] = [];
  const known = new Set<string>();
  const ended = new Set<string>();
  let inSnapshot = false;
  for (let at = entries - 1; at >= 0; at--) {
    const now = entryAt(at);
    if (!now) continue;
    const isSnapshot = (now.flags & FLAG.snapshot) !== 0;
    if (inSnapshot && !isSnapshot) break;
    inSnapshot ||= isSnapshot && now.left === 0;
    if (inSnapshot && now.instance === NO_INSTANCE) break;
    const key = cursorKey(now.instance, now.stream);
    if (now.flags & FLAG.ended) ended.add(now.instance);
    // The news of an end is no cursor.
    const isNews = (now.flags & FLAG.ended) !== 0 && !isSnapshot;
    if (now.instance === NO_INSTANCE || isNews || known.has(key)) continue;
    known.add(key);
    found.push({
      instance: now.instance,
      stream: now.stream,
      replica: now.replica,
      offset: now.spool,
      midline: (now.flags & FLAG.midline) !== 0,
    });
  }
  const oldestFirst = found.toReversed();
  return {
    cursors: keyed(oldestFirst.filter(({ instance }) => !ended.has(instance))),
    past: keyed(oldestFirst.filter(({ instance }) => ended.has(instance))),
  };
}

function keyed(cursors: readonly Cursor[]): Map<string, Cursor> {
  return new Map(cursors.map((cursor) => [cursorKey(cursor.instance, cursor.stream), cursor]));
}
