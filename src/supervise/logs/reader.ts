import { type ContentFilter, contentFilter, parseRecord } from "./filter.ts";
import { instanceKey } from "./entry.ts";
import { previousRuns } from "./previous.ts";
import type { LogQuery, LogRecord } from "./record.ts";
import { backwards, Scan, seqBefore, type Span, type Start } from "./scan.ts";
import type { ServiceLog } from "./service-log.ts";
import type { Turns } from "./turns.ts";

/** The part of a query that one service's reader needs. */
export interface Wanted {
  readonly query: LogQuery;
  readonly filter: ContentFilter | undefined;
}

export function wantedBy(query: LogQuery): Wanted {
  return { query, filter: contentFilter(query) };
}

/** A record with what the merge goes by. */
export interface Ranked {
  readonly ts: number;
  readonly service: string;
  readonly seq: number;
}

/** Reads one service forward, a batch at a time. */
export class Reader {
  private readonly scan: Scan;
  private readonly runs: Runs | undefined;
  /** The one whose bytes were waited for. */
  private nextSpan: Span | undefined;
  private held: { readonly ts: number; readonly records: (LogRecord | string)[]; next: number } = { ts: 0, records: [], next: 0 };

  constructor(
    readonly log: ServiceLog,
    private readonly wanted: Wanted,
    /** `until`: the last seq to be read, when that is settled. */
    range: { readonly start: Start; readonly until: number },
  ) {
    this.until = range.until;
    this.scan = new Scan(() => log.segments, range.start);
    this.runs = runsMeant(log, wanted.query);
  }

  private readonly until: number;

  /** When the next record was read; undefined while none is held. */
  get ts(): number | undefined {
    return this.held.next < this.held.records.length ? this.held.ts : undefined;
  }

  get service(): string {
    return this.log.service;
  }

  take(): LogRecord | undefined {
    const next = this.held.records[this.held.next++];
    return typeof next === "string" ? parseRecord(next) : next;
  }

  /** Loads the next batch if none is held. False when there is nothing more now; else what it cost, in records, or what has to be waited for first. */
  load(): number | false | Promise<void> {
    if (this.ts !== undefined) return 0;
    const { query } = this.wanted;
    const span = this.nextSpan ?? (this.scan.lastSeq < this.until ? this.scan.next() : undefined);
    if (!span || (query.untilMs ?? Number.POSITIVE_INFINITY) < span.ts) return false;
    const fetched = this.nextSpan || !wants(span, query, this.runs) ? undefined : span.fetch();
    this.nextSpan = fetched && span;
    if (fetched) return fetched;
    const records: (LogRecord | string)[] = this.select(span);
    if (span.lost > 0) {
      records.unshift(droppedRecord(span, this.service));
      this.log.counts.dropped += span.lost;
    }
    this.held = { ts: span.ts, records, next: 0 };
    return span.lastSeq - span.firstSeq + 1;
  }

  close(): void {
    this.scan.close();
  }

  /** Lines stay undecoded until they are taken, unless a filter had to look. */
  private select(span: Span): (LogRecord | string)[] {
    const { query, filter } = this.wanted;
    if (!wants(span, query, this.runs) || !mayHold(span, filter)) return [];
    const lines = span.lines();
    const kept = this.until - span.firstSeq + 1;
    const inRange = kept < lines.length ? lines.slice(0, kept) : lines;
    return filter ? inRange.flatMap((line) => filter.accept(line) ?? []) : inRange;
  }
}

interface NewestFirst {
  /** The newest seq that is wanted. */
  readonly until: number;
  readonly turns: Turns;
}

/** Matching records newest first, without their content; between them places to let others have their turn, or to wait for the disk. */
export function* newestFirst(log: ServiceLog, { query, filter }: Wanted, { until, turns }: NewestFirst): Generator<Ranked | Promise<void>> {
  const runs = runsMeant(log, query);
  const start = startOf(log, query);
  const after = "seq" in start ? start.seq : seqBefore(log.segments, start.sinceMs);
  for (const span of backwards(log.segments)) {
    if (span.lastSeq <= after) return;
    if (span.firstSeq > until || span.ts > (query.untilMs ?? Number.POSITIVE_INFINITY) || !wants(span, query, runs)) continue;
    const fetched = filter && span.fetch();
    if (fetched) yield turns.rest(fetched);
    const lines = !filter ? undefined : mayHold(span, filter) ? span.lines() : [];
    for (let seq = Math.min(span.lastSeq, until); seq >= Math.max(span.firstSeq, after + 1); seq--) {
      const line = lines?.[seq - span.firstSeq];
      if (!lines || (line !== undefined && filter?.accept(line))) yield { ts: span.ts, service: log.service, seq };
    }
    const pause = turns.spend(1 + (lines?.length ?? 0));
    if (pause) yield pause;
  }
}

/**
 * What the query does not want, by its `after`, or else its `sinceMs`. Whoever names a seq has read up to it: lines behind it are new to him whatever
 * their time, which for a container may be well before they came here.
 */
export function startOf(log: ServiceLog, { after, sinceMs }: LogQuery): Start {
  const asked = after?.[log.service];
  // A seq from the future is one of an older log of that name.
  if (asked !== undefined && asked <= log.lastSeq) return { seq: asked };
  return sinceMs === undefined ? { seq: (log.segments[0]?.firstSeq ?? 1) - 1 } : { sinceMs };
}

/** Starts of instances, by their keys. */
type Runs = Pick<ReadonlySet<string>, "has">;

/** undefined: all of them. */
function runsMeant(log: ServiceLog, { previous, instance, exceptInstances }: LogQuery): Runs | undefined {
  if (instance !== undefined) return new Set([instanceKey(instance)]);
  if (exceptInstances) {
    const others = new Set(exceptInstances.map(instanceKey));
    return { has: (key) => !others.has(key) };
  }
  return previous ? previousRuns(log) : undefined;
}

function mayHold(span: Span, filter: ContentFilter | undefined): boolean {
  return filter?.needle === undefined || span.bytes().includes(filter.needle);
}

function wants(span: Span, { replica }: LogQuery, runs: Runs | undefined): boolean {
  return (replica === undefined || span.replica === replica) && (!runs || runs.has(span.instance));
}

function droppedRecord({ ts, replica, lost }: Span, service: string): LogRecord {
  const message = `dropped ${lost} lines`;
  return {
    timestamp: new Date(ts).toISOString(),
    service,
    replica,
    level: "warn",
    message,
    source: "orco",
    meta: { dropped: lost },
    seq: 0,
  };
}
