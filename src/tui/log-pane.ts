import type { LogRecord } from "../supervise/logs/record.ts";
import { logText } from "../terminal/log-line.ts";
import { expandTabs, sanitizeText } from "../terminal/sanitize.ts";
import { type Filter, type Level, reaches } from "./filter.ts";

/** One row of the pane, clean: nothing in `text` drives a terminal. */
export interface Row {
  /** Grows by one with each row, so that a place in the log stays where it is while others come and go. */
  readonly id: number;
  readonly service: string;
  readonly replica: number;
  readonly level: string | undefined;
  readonly source: LogRecord["source"];
  readonly timestamp: string;
  readonly text: string;
}

export interface LogPane {
  /** The last ones, oldest first. */
  readonly rows: readonly Row[];
  /** Those of `rows` that focus, level and filter let through. */
  readonly shown: readonly Row[];
  readonly nextId: number;
  readonly level: Level;
  readonly filter: Filter | undefined;
  /** Only this service. */
  readonly focus: string | undefined;
  /** Id of the lowest row in sight; undefined: the newest, as they come. */
  readonly bottom: number | undefined;
}

export const MAX_ROWS = 10_000;
/** Of one line; no terminal shows more of it, and a line may have 1 MiB. */
const MAX_CHARS = 2000;
/** Of the rows of one record. */
const MAX_RECORD_ROWS = 200;

export const EMPTY_PANE: LogPane = {
  rows: [],
  shown: [],
  nextId: 1,
  level: "all",
  filter: undefined,
  focus: undefined,
  bottom: undefined,
};

/** `fresh`: they are the tail of a new stream and take the place of what was there. */
export function addRecords(pane: LogPane, records: readonly LogRecord[], { fresh = false } = {}): LogPane {
  const added = records.slice(-MAX_ROWS).flatMap(rowsOf);
  const numbered = added.map((row, at) => ({ ...row, id: pane.nextId + at }));
  const next = { ...pane, nextId: pane.nextId + numbered.length };
  if (fresh) return select({ ...next, rows: numbered.slice(-MAX_ROWS) });
  const rows = [...pane.rows, ...numbered].slice(-MAX_ROWS);
  const shown = [...pane.shown, ...numbered.filter((row) => lets(pane, row))];
  return { ...next, rows, shown: shown.slice(firstFrom(shown, rows[0]?.id ?? 0)) };
}

/** The pane with another focus, level or filter, applied to what is there. */
export function select(pane: LogPane): LogPane {
  return { ...pane, shown: pane.rows.filter((row) => lets(pane, row)) };
}

/** Another place in the log, `by` rows further down. Upward it stops following; downward it never begins to. */
export function scrollBy(pane: LogPane, by: number, height: number): LogPane {
  const { shown } = pane;
  const last = shown.length - 1;
  const from = bottomIndex(pane);
  const to = Math.max(Math.min(height - 1, last), Math.min(last, from + by));
  return to === from ? pane : { ...pane, bottom: shown[to]?.id };
}

/** The rows in sight, and how many of those shown are newer. */
export function rowsInSight(pane: LogPane, height: number): { readonly rows: readonly Row[]; readonly newer: number } {
  const { shown } = pane;
  const end = Math.min(shown.length, Math.max(bottomIndex(pane) + 1, height));
  return { rows: shown.slice(Math.max(0, end - height), end), newer: shown.length - end };
}

function bottomIndex({ shown, bottom }: LogPane): number {
  return bottom === undefined ? shown.length - 1 : firstFrom(shown, bottom + 1) - 1;
}

/** Index of the first row with this id or a later one. */
function firstFrom(rows: readonly Row[], id: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.id ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lets({ focus, level, filter }: LogPane, row: Row): boolean {
  return (focus === undefined || row.service === focus) && reaches(row.level, level) && (filter?.matches(row.text) ?? true);
}

function rowsOf(record: LogRecord): Omit<Row, "id">[] {
  const { service, replica, level, source, timestamp } = record;
  const lines = sanitizeText(logText(record).slice(0, MAX_CHARS)).split("\n", MAX_RECORD_ROWS);
  return lines.map((line) => ({ service, replica, level, source, timestamp, text: expandTabs(line) }));
}
