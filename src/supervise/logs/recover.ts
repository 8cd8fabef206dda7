import { closeSync, fstatSync, ftruncateSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../../kernel/errors.ts";
import { type Cursor, cursorKey } from "./cursor.ts";
import { decodeEntry, ENTRY_BYTES, type Entry, FLAG, NO_INSTANCE } from "./entry.ts";
import { readUpTo } from "./file.ts";
import type { Segment } from "./segment.ts";

interface Cursors {
  readonly cursors: Map<string, Cursor>;
  /** Of instances that have ended. */
  readonly past: Map<string, Cursor>;
}

export interface Recovered extends Cursors {
  /** Oldest first; the last one is written on. */
  readonly segments: Segment[];
}

const IDX = /^(\d{16})\.idx$/;

/**
 * Brings a service's files to their last checkpoint, whatever instant the writer was killed at: the last whole index
 * entry decides, bytes after it go and are read from the spool again.
 */
export function recover(dir: string): Recovered {
  const names = tidied(dir);
  const segments: Segment[] = [];
  for (const [at, name] of names.entries()) {
    const segment = openSegment(join(dir, name), at === names.length - 1);
    if (segment) segments.push(segment);
    else removeSegment(join(dir, name));
  }
  const last = segments.at(-1);
  if (last && names.at(-1) !== last.path.slice(-16)) openSegment(last.path, true);
  return { segments, ...(last ? readCursors(last) : { cursors: new Map(), past: new Map() }) };
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

function openSegment(path: string, repair: boolean): Segment | undefined {
  const idx = openSync(`${path}.idx`, repair ? "r+" : "r");
  try {
    const logBytes = sizeOf(`${path}.log`);
    const found = lastWhole(idx, logBytes);
    if (!found) return undefined;
    const { entry, entries } = found;
    if (repair) {
      ftruncateSync(idx, entries * ENTRY_BYTES);
      truncateLog(path, entry.end);
    }
    return {
      path,
      firstSeq: Number(path.slice(-16)),
      entries,
      end: entry.end,
      lastSeq: entry.seq,
      firstTs: repair ? firstTs(idx, entries) : undefined,
      lastTs: entry.ts,
    };
  } finally {
    closeSync(idx);
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
function lastWhole(idx: number, logBytes: number): { entry: Entry; entries: number } | undefined {
  for (let at = Math.floor(fstatSync(idx).size / ENTRY_BYTES) - 1; at >= 0; at--) {
    const entry = entryAt(idx, at);
    if (entry && entry.end <= logBytes) return { entry, entries: at + 1 };
  }
  return undefined;
}

/** Time of the first record: the first entry that covers bytes comes right after the snapshot at the head. */
function firstTs(idx: number, entries: number): number | undefined {
  for (let at = 0; at < entries; at++) {
    const entry = entryAt(idx, at);
    if (entry && entry.end > 0) return entry.ts;
  }
  return undefined;
}

function entryAt(idx: number, at: number): Entry | undefined {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  return readUpTo(idx, bytes, at * ENTRY_BYTES) === ENTRY_BYTES ? decodeEntry(bytes) : undefined;
}

/** Cursors, read backwards as far as the last whole snapshot. */
function readCursors(segment: Segment): Cursors {
  const idx = openSync(`${segment.path}.idx`, "r");
  try {
    return cursorsBefore((at) => entryAt(idx, at), segment.entries);
  } finally {
    closeSync(idx);
  }
}

function cursorsBefore(entry: (at: number) => Entry | undefined, entries: number): Cursors {
  const found: Cursor[] = [];
  const known = new Set<string>();
  const ended = new Set<string>();
  let inSnapshot = false;
  for (let at = entries - 1; at >= 0; at--) {
    const now = entry(at);
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
