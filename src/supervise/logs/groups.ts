import type { Mark } from "./times.ts";

/** Whole lines of one time: up to `end`, from where the group before it ends. */
export interface Group {
  /** Offset in the bytes. */
  readonly end: number;
  readonly ts: number;
}

export interface Bounds {
  /** Where the bytes stand in the spool. */
  readonly base: number;
  /** So many of them are meant. */
  readonly next: number;
  /** Lines whose time is not known have this one, and none a later one: nothing was written after it was read. */
  readonly now: number;
  /** No earlier one than this. */
  readonly floor: number;
  /** Lines after this time are left, but for the first. */
  readonly until: number;
  /** From the first line to the last at most, ms. */
  readonly spanMs: number;
}

const LINE_FEED = 10;

/** Splits whole lines by the times of their first bytes; `marks` as `Times.marks` gives them. At least one group. */
export function groupsOf(bytes: Buffer, marks: readonly [Mark, ...Mark[]], bounds: Bounds): Group[] {
  const { next } = bounds;
  const groups: Group[] = [];
  let ts = timeOf(marks[0], bounds);
  let { floor } = bounds;
  let [start, line] = [0, 0];
  for (const mark of marks.slice(1)) {
    line = lineFrom(bytes, mark.offset - bounds.base, line);
    if (line >= next) break;
    const time = timeOf(mark, bounds);
    if (line === start) ts = Math.max(floor, time);
    if (line === start || time <= ts) continue;
    groups.push({ end: line, ts });
    if ((mark.ms ?? bounds.now) > bounds.until || time - (groups[0]?.ts ?? time) > bounds.spanMs) return groups;
    floor = ts;
    start = line;
    ts = time;
  }
  return [...groups, { end: next, ts }];
}

/** The first line that begins at `at` or behind it; `known` is one that is not before it, unless `at` lies behind that. */
function lineFrom(bytes: Buffer, at: number, known: number): number {
  if (at <= known) return known;
  if (bytes[at - 1] === LINE_FEED) return at;
  const found = bytes.indexOf(LINE_FEED, at);
  return found < 0 ? bytes.length : found + 1;
}

function timeOf({ ms }: Mark, { now, floor }: Bounds): number {
  return Math.max(floor, Math.min(ms ?? now, now));
}
