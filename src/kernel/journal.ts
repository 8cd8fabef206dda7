import type { Database } from "bun:sqlite";
import { allocateBeyond } from "./allocate.ts";
import type { Clock } from "./clock.ts";
import { OrcoError, type Facts } from "./errors.ts";
import type { EventLog, JournalEvent, NewEvent, ReadQuery, Write } from "./event.ts";
import { Committer, type Committed } from "./journal-commit.ts";
import { journalError } from "./journal-errors.ts";
import { JournalFile } from "./journal-file.ts";
import { Follower, Followers, type FollowSource } from "./journal-follow.ts";
import { Heads } from "./journal-heads.ts";
import { Reader } from "./journal-read.ts";
import { openDatabase, type Schema } from "./journal-schema.ts";
import { Statements, type Param } from "./journal-statements.ts";
import { Tail } from "./journal-tail.ts";
import { Trimmer, type TrimOptions } from "./journal-trim.ts";

export interface JournalOptions {
  /** The database file; its folder must exist. */
  readonly path: string;
  readonly clock: Clock;
  /** Migrations, and writing that fails and works again. */
  readonly log?: (message: string, facts: Facts) => void;
  /** When writing begins to fail. */
  readonly onFailure?: () => void;
  /** After each transaction, for metrics. */
  readonly onCommit?: (committed: Committed) => void;
  readonly schema?: Schema;
}

/** The one writer of `orco.db`. Once it is closed every method but `follow` and `close` fails with `unavailable`. What `append` acknowledged survives a crash of the process and of the machine. */
export class Journal implements EventLog {
  private readonly statements: Statements;
  private readonly heads: Heads;
  private readonly reader: Reader;
  private readonly committer: Committer;
  private readonly trimmer: Trimmer;
  private readonly file: JournalFile;
  private readonly source: FollowSource & { closed: boolean };
  private failing: OrcoError | undefined;

  private constructor(
    private readonly db: Database,
    private readonly options: JournalOptions,
  ) {
    const { path, clock } = options;
    this.statements = new Statements(db);
    this.heads = new Heads(this.statements);
    this.reader = new Reader(this.statements, path);
    this.trimmer = new Trimmer(db, this.statements);
    const head = () => this.heads.seq();
    const read = (query: ReadQuery) => this.reader.read(query);
    this.source = { closed: false, head, read, tail: new Tail(), followers: new Followers() };
    this.file = new JournalFile(path);
    this.committer = new Committer({
      db,
      path,
      clock,
      heads: this.heads,
      statements: this.statements,
      assertThere: () => this.file.assertThere(),
      onCommit: (committed) => this.committed(committed),
      onFailure: (error) => this.failed(error),
    });
  }

  /** Makes the file or migrates it where needed. `journal_corrupt`, `journal_newer` (the file is left untouched), `disk_full`, `internal`. */
  static open(options: JournalOptions): Journal {
    const { db, from } = openDatabase(options.path, options.schema);
    const journal = new Journal(db, options);
    const { version } = journal.query<{ version: number }>("SELECT user_version AS version FROM pragma_user_version")[0] ?? {};
    if (from !== 0 && from !== version) options.log?.("journal migrated", { file: options.path, from, to: version });
    return journal;
  }

  async append(events: readonly NewEvent[], writes: readonly Write[] = []): Promise<JournalEvent[]> {
    this.assertOpen();
    if (events.length === 0 && writes.length === 0) return [];
    return this.committer.append(events, writes);
  }

  read(query: ReadQuery): JournalEvent[] {
    this.assertOpen();
    return this.reader.read(query);
  }

  /** Ends when the signal aborts or the journal closes. A follower whose cursor was trimmed goes on with the first event there is. */
  follow(query: ReadQuery & { signal?: AbortSignal }): AsyncIterableIterator<JournalEvent> {
    return new Follower(this.source, query);
  }

  /** The newest topicSeq of a topic; the newest global seq without a topic or for a prefix. 0 when there is none. */
  head(topic?: string): number {
    this.assertOpen();
    return this.heads.of(topic);
  }

  /** The first number that retention left whole, counted as for `head`: after a cursor of one less nothing is missing. */
  firstAvailable(topic?: string): number {
    this.assertOpen();
    return this.heads.firstAvailable(topic);
  }

  /** Rows of projections. Reading only: rows are changed by the writes of an append. `internal` when the SQL is wrong. */
  query<Row>(sql: string, params: readonly Param[] = []): Row[] {
    this.assertOpen();
    try {
      return this.statements.get(sql).all(...params) as Row[];
    } catch (error) {
      throw journalError(error, this.options.path);
    }
  }

  /** Retention. Resolves with the count of events removed. `disk_full`. */
  async trim(options: TrimOptions): Promise<number> {
    this.assertOpen();
    try {
      return await this.trimmer.trim(options, this.options.clock.now(), () => this.source.closed);
    } catch (error) {
      throw journalError(error, this.options.path);
    }
  }

  /** Why nothing can be written: its file was deleted or replaced, or why the last write failed, until one succeeds. */
  failure(): OrcoError | undefined {
    return this.file.missing() ?? this.failing;
  }

  /** Gets room for what is written next, of what `free` gives up, `bytes` at most, also while somebody else fills the disk. Returns the bytes it got. */
  secure(bytes: number, free: () => void): number {
    this.assertOpen();
    let secured = 0;
    try {
      secured = allocateBeyond(`${this.options.path}-wal`, bytes, free);
    } catch (error) {
      this.failed(journalError(error, this.options.path));
    }
    try {
      // What is in the database already is written over: as much room again.
      this.db.run("PRAGMA wal_checkpoint(PASSIVE)");
    } catch (error) {
      this.failed(journalError(error, this.options.path));
    }
    return secured;
  }

  /** Commits what waits, ends all followers, and folds the write-ahead log into the file. */
  close(): void {
    if (this.source.closed) return;
    this.committer.drain();
    this.source.closed = true;
    this.source.followers.finish();
    this.statements.close();
    this.db.close();
  }

  private committed(committed: Committed): void {
    if (this.failing) {
      this.failing = undefined;
      this.options.log?.("journal writes again", { file: this.options.path });
    }
    this.source.tail.push(committed.events, committed.bytes);
    this.options.onCommit?.(committed);
    this.source.followers.wake(committed.events);
  }

  private failed(error: OrcoError): void {
    const known = this.failing !== undefined;
    this.failing = error;
    if (known) return;
    this.options.log?.(error.message, error.facts);
    this.options.onFailure?.();
  }

  private assertOpen(): void {
    if (this.source.closed) throw new OrcoError("unavailable", "the journal is closed", { file: this.options.path });
  }
}
