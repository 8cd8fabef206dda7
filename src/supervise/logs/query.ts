import type { Clock } from "../../kernel/clock.ts";
import { newestFirst, type Ranked, Reader, startOf, type Wanted, wantedBy } from "./reader.ts";
import type { LogQuery, LogRecord } from "./record.ts";
import type { ServiceLog } from "./service-log.ts";
import { Turns } from "./turns.ts";
import { Wake } from "./wake.ts";

export interface QueryOptions {
  readonly query: LogQuery;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** The services meant, as they are known now. */
  readonly logs: () => ServiceLog[];
  /** Calls back when a service may have come; returns how to stop that. */
  readonly onChange: (fn: () => void) => () => void;
}

/** How a query lives with others. */
interface Sharing {
  readonly signal: AbortSignal;
  readonly turns: Turns;
}

/** Records a follower is given before it looks for new services. */
const FOLLOW_RECORDS = 65_536;

/** Checks the query at once, reads when iterated. */
export function openQuery(options: QueryOptions): AsyncIterable<LogRecord> {
  const wanted = wantedBy(options.query);
  return { [Symbol.asyncIterator]: () => (options.query.follow ? follow(options, wanted) : backlog(options, wanted)) };
}

async function* backlog(options: QueryOptions, wanted: Wanted): AsyncGenerator<LogRecord> {
  const turns = new Turns(options.clock);
  const readers = await startingReaders(options, wanted, turns);
  try {
    yield* merged(readers, { signal: options.signal, turns });
  } finally {
    for (const reader of readers) reader.close();
  }
}

/** Reads from disk also what is new: a slow reader costs no memory, and loses lines only to the bounds of the log itself. */
async function* follow(options: QueryOptions, wanted: Wanted): AsyncGenerator<LogRecord> {
  const { clock, query, signal } = options;
  const turns = new Turns(clock);
  const wake = new Wake(signal);
  const offChange = options.onChange(wake.call);
  const watching = new Map<ServiceLog, () => void>();
  const readers: Reader[] = [];
  try {
    const watch = (reader: Reader) => {
      readers.push(reader);
      watching.set(reader.log, reader.log.follow(wake.call));
    };
    for (const reader of await startingReaders(options, wanted, turns)) watch(reader);
    while (!signal.aborted) {
      for (const log of options.logs())
        if (!watching.has(log)) watch(new Reader(log, wanted, { start: { seq: 0 }, until: Number.POSITIVE_INFINITY }));
      if (yield* merged(readers, { signal, turns, most: FOLLOW_RECORDS })) continue;
      if (isOver(readers, query, clock)) return;
      const left = query.untilMs === undefined ? undefined : query.untilMs - clock.now() + 1;
      const cancel = left === undefined ? undefined : clock.after(left, wake.call);
      await wake.wait();
      cancel?.();
    }
  } finally {
    wake.close();
    offChange();
    for (const off of watching.values()) off();
    for (const reader of readers) reader.close();
  }
}

function isOver(readers: readonly Reader[], { untilMs }: LogQuery, clock: Clock): boolean {
  if (untilMs !== undefined && clock.now() > untilMs) return true;
  return readers.length > 0 && readers.every((reader) => reader.log.closed);
}

async function startingReaders({ query, signal, logs }: QueryOptions, wanted: Wanted, turns: Turns): Promise<Reader[]> {
  const found = logs();
  const ends = new Map(found.map((log) => [log, log.lastSeq]));
  const starts = query.tail === undefined ? undefined : await tailStarts(ends, wanted, { signal, turns });
  return found.map((log) => {
    const end = ends.get(log) ?? 0;
    const start = starts ? { seq: starts.get(log) ?? end } : startOf(log, query);
    return new Reader(log, wanted, { start, until: query.follow ? Number.POSITIVE_INFINITY : end });
  });
}

/** Where the last N matching records of all services together begin: they are counted from the end, not kept. */
async function tailStarts(
  ends: ReadonlyMap<ServiceLog, number>,
  wanted: Wanted,
  { signal, turns }: Sharing,
): Promise<Map<ServiceLog, number>> {
  const starts = new Map<ServiceLog, number>();
  const walks = [...ends].map(([log, until]) => new Walk(log, newestFirst(log, wanted, { until, turns })));
  try {
    await count(walks, wanted.query.tail ?? 0, { starts, signal });
  } finally {
    for (const walk of walks) walk.close();
  }
  return starts;
}

async function count(
  walks: Walk[],
  tail: number,
  { starts, signal }: { starts: Map<ServiceLog, number>; signal: AbortSignal },
): Promise<void> {
  for (let found = 0; found < tail && !signal.aborted; found++) {
    let newest: Walk | undefined;
    for (const walk of walks) {
      for (let pause = walk.advance(); pause; pause = walk.advance()) await pause;
      if (walk.head && (!newest?.head || isNewer(walk.head, newest.head))) newest = walk;
    }
    if (!newest?.head) return;
    starts.set(newest.log, newest.head.seq - 1);
    newest.head = undefined;
  }
}

class Walk {
  head: Ranked | undefined;
  private ended = false;

  constructor(
    readonly log: ServiceLog,
    private readonly records: Generator<Ranked | Promise<void>>,
  ) {}

  /** Undefined when the next one is known; else what to wait for before asking again. */
  advance(): Promise<void> | undefined {
    if (this.head || this.ended) return undefined;
    const { value, done } = this.records.next();
    this.ended = done === true;
    if (value instanceof Promise) return value;
    this.head = value ?? undefined;
    return undefined;
  }

  close(): void {
    this.records.return(undefined);
  }
}

function isNewer(a: Ranked, b: Ranked): boolean {
  return a.ts !== b.ts ? a.ts > b.ts : a.service > b.service;
}

/** All that can be read now, by (timestamp, service, seq); true when it stopped at about `most` records. */
async function* merged(
  readers: readonly Reader[],
  { signal, turns, most = Number.POSITIVE_INFINITY }: Sharing & { readonly most?: number },
): AsyncGenerator<LogRecord, boolean> {
  for (let given = 0; !signal.aborted;) {
    for (const reader of readers) {
      for (let cost = reader.load(); cost !== false && reader.ts === undefined; cost = reader.load()) {
        const pause = typeof cost === "number" ? turns.spend(cost + 1) : turns.rest(cost);
        if (pause) await pause;
        if (signal.aborted) return false;
      }
    }
    const first = oldest(readers);
    if (!first) return false;
    if (given >= most) return true;
    const ts = first.ts;
    while (first.ts === ts && first.ts !== undefined && !signal.aborted) {
      const record = first.take();
      if (record) yield record;
      given += 1;
      const pause = turns.spend(1);
      if (pause) await pause;
    }
  }
  return false;
}

function oldest(readers: readonly Reader[]): Reader | undefined {
  let first: Reader | undefined;
  for (const reader of readers) {
    if (reader.ts === undefined) continue;
    if (first?.ts === undefined || reader.ts < first.ts || (reader.ts === first.ts && reader.service < first.service)) first = reader;
  }
  return first;
}
