import type { Database } from "bun:sqlite";
import type { Clock } from "./clock.ts";
import { messageOf, OrcoError } from "./errors.ts";
import type { JournalEvent, NewEvent, Write } from "./event.ts";
import { concernsAll, journalError } from "./journal-errors.ts";
import type { Heads } from "./journal-heads.ts";
import type { Statements } from "./journal-statements.ts";

/** Events of one transaction; a larger single append still is one transaction. */
const MAX_BATCH_EVENTS = 256;
/** Events that may wait for their transaction, about a second's worth. */
const MAX_WAITING_EVENTS = 65_536;
/** Row changes only: a COMMIT among them would break the promise that an append is one transaction. */
const ROW_CHANGE = /^\s*(?:insert|update|delete|replace|with)\b/i;

export interface Committed {
  readonly events: readonly JournalEvent[];
  /** Length of their data as JSON text. */
  readonly bytes: number;
  readonly appends: number;
  readonly ms: number;
}

interface Append {
  readonly events: readonly NewEvent[];
  /** The data of each event as JSON text. */
  readonly data: readonly string[];
  readonly writes: readonly Write[];
  readonly done: PromiseWithResolvers<JournalEvent[]>;
}

type Outcome = { readonly stored: JournalEvent[] } | { readonly rejected: OrcoError };

export interface CommitterDeps {
  readonly db: Database;
  readonly path: string;
  readonly clock: Clock;
  readonly heads: Heads;
  readonly statements: Statements;
  /** Throws when the file is not what was opened: what is written then nobody finds again. */
  readonly assertThere: () => void;
  /** Called after each COMMIT. */
  readonly onCommit: (committed: Committed) => void;
  readonly onFailure: (error: OrcoError) => void;
}

/**
 * Group commit: what arrives in one turn of the event loop is one transaction and one fsync. There is no timer: while a
 * transaction is being synced the next callers gather by themselves, and a lone caller does not wait for company.
 */
export class Committer {
  private waiting: Append[] = [];
  private waitingEvents = 0;
  private scheduled = false;
  private readonly sql: ReturnType<typeof prepare>;

  constructor(private readonly deps: CommitterDeps) {
    this.sql = prepare(deps.statements);
  }

  /** `unavailable` when too much waits or the file is gone, `disk_full`, `journal_corrupt`, `internal`; then nothing of this append is on disk. */
  async append(events: readonly NewEvent[], writes: readonly Write[]): Promise<JournalEvent[]> {
    check(events, writes);
    if (this.waitingEvents + events.length > MAX_WAITING_EVENTS && this.waiting.length > 0) {
      throw new OrcoError("unavailable", `the journal is overloaded: ${this.waitingEvents} events wait to be written`);
    }
    const data = events.map(jsonOf);
    const done = Promise.withResolvers<JournalEvent[]>();
    this.waiting.push({ events, data, writes, done });
    this.waitingEvents += events.length;
    this.schedule();
    return done.promise;
  }

  /** Commits everything that waits, now. */
  drain(): void {
    while (this.waiting.length > 0) this.flush();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      try {
        this.flush();
      } finally {
        if (this.waiting.length > 0) this.schedule();
      }
    });
  }

  private flush(): void {
    const batch = this.takeBatch();
    if (batch.length === 0) return;
    const startedMs = this.deps.clock.monotonic();
    let outcomes: Outcome[];
    try {
      this.deps.assertThere();
      outcomes = this.transact(batch);
    } catch (error) {
      const failure = journalError(error, this.deps.path);
      for (const append of batch) append.done.reject(failure);
      this.deps.onFailure(failure);
      return;
    }
    const events = outcomes.flatMap((outcome) => ("stored" in outcome ? outcome.stored : []));
    const bytes = batch.reduce((sum, append) => sum + append.data.reduce((length, text) => length + text.length, 0), 0);
    for (const [i, append] of batch.entries()) settle(append, outcomes[i]);
    this.deps.onCommit({ events, bytes, appends: batch.length, ms: this.deps.clock.monotonic() - startedMs });
  }

  private takeBatch(): Append[] {
    let events = 0;
    let count = 0;
    for (const append of this.waiting) {
      if (count > 0 && events + append.events.length > MAX_BATCH_EVENTS) break;
      events += append.events.length;
      count += 1;
    }
    this.waitingEvents -= events;
    return this.waiting.splice(0, count);
  }

  /**
   * One transaction. Throws when it failed as a whole; then the database is as before and no number is used up. Row writes are hardly ever faulty, and a
   * savepoint for each append costs as much as its rows: so they are made without, and where one fails all are made again, each append in a savepoint.
   */
  private transact(batch: readonly Append[]): Outcome[] {
    try {
      return this.carryOut(batch, (append, ts) => ({ stored: this.write(append, ts) }));
    } catch (error) {
      if (concernsAll(error)) throw error;
      return this.carryOut(batch, (append, ts) => this.attempt(append, ts));
    }
  }

  private carryOut(batch: readonly Append[], make: (append: Append, ts: number) => Outcome): Outcome[] {
    const ts = Math.trunc(this.deps.clock.now());
    try {
      this.abandon();
      this.sql.begin.run();
      const outcomes = batch.map((append) => make(append, ts));
      this.sql.commit.run();
      return outcomes;
    } catch (error) {
      this.deps.heads.forget();
      this.abandon();
      throw error;
    }
  }

  /** Rolls back what is open; also before a transaction, in case an earlier ROLLBACK failed on a broken disk. */
  private abandon(): void {
    if (this.deps.db.inTransaction) this.sql.rollback.run();
  }

  /** An append whose row writes may be faulty: in a savepoint, so that it alone is rejected. */
  private attempt(append: Append, ts: number): Outcome {
    this.sql.savepoint.run();
    try {
      const stored = this.write(append, ts);
      this.sql.release.run();
      return { stored };
    } catch (error) {
      // SQLite itself may have rolled everything back, and then there is nothing left to go on with.
      if (concernsAll(error) || !this.deps.db.inTransaction) throw error;
      this.sql.undo.run();
      this.sql.release.run();
      this.deps.heads.forget();
      const message = `a row write of the journal failed: ${messageOf(error)}`;
      return { rejected: new OrcoError("internal", message, { file: this.deps.path }, { cause: error }) };
    }
  }

  private write(append: Append, ts: number): JournalEvent[] {
    const stored = this.store(append, ts);
    for (const { sql, params } of append.writes) this.deps.statements.get(sql).run(...params);
    return stored;
  }

  private store(append: Append, ts: number): JournalEvent[] {
    const { heads } = this.deps;
    return append.events.map(({ topic, type, data, ts: happened = ts }, i) => {
      const event = { seq: heads.seq() + 1, topic, topicSeq: heads.topic(topic) + 1, type, ts: happened, data };
      this.sql.insert.run(event.seq, topic, event.topicSeq, type, happened, append.data[i] ?? "");
      heads.advance(event);
      return event;
    });
  }
}

function settle(append: Append, outcome: Outcome | undefined): void {
  if (outcome && "stored" in outcome) append.done.resolve(outcome.stored);
  else append.done.reject(outcome?.rejected);
}

function jsonOf({ type, data }: NewEvent): string {
  const text: string | undefined = JSON.stringify(data);
  if (text === undefined) throw new OrcoError("internal", `the data of ${type} is no JSON`, { type });
  return text;
}

function check(events: readonly NewEvent[], writes: readonly Write[]): void {
  for (const { topic, type } of events) {
    if (topic === "" || topic.includes("*") || type === "") {
      throw new OrcoError("internal", `an event needs a topic without * and a type: ${JSON.stringify({ topic, type })}`, { topic, type });
    }
  }
  for (const { sql } of writes) {
    if (!ROW_CHANGE.test(sql)) throw new OrcoError("internal", `a write of the journal changes rows: ${sql}`, { sql });
  }
}

function prepare(statements: Statements) {
  return {
    begin: statements.prepare<undefined, []>("BEGIN IMMEDIATE"),
    commit: statements.prepare<undefined, []>("COMMIT"),
    rollback: statements.prepare<undefined, []>("ROLLBACK"),
    savepoint: statements.prepare<undefined, []>("SAVEPOINT append"),
    undo: statements.prepare<undefined, []>("ROLLBACK TO append"),
    release: statements.prepare<undefined, []>("RELEASE append"),
    insert: statements.prepare<undefined, [number, string, number, string, number, string]>(
      "INSERT INTO events (seq, topic, topic_seq, type, ts, data) VALUES (?, ?, ?, ?, ?, ?)",
    ),
  };
}
