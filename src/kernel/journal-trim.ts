import type { Database } from "bun:sqlite";
import type { Statements } from "./journal-statements.ts";
import { AUDIT_TOPIC, rangeOf } from "./journal-topic.ts";

export interface TrimOptions {
  /** Only topics that begin with this. */
  readonly topicPrefix?: string;
  /** Keeps what is younger. An event whose topic still holds a younger one before it stays as well (wall clocks go back). */
  readonly olderThanMs?: number;
  /** Keeps this many of the newest events of each topic. */
  readonly keepPerTopic?: number;
  /** Events removed in one transaction (default 500); other work gets its turn in between. */
  readonly batch?: number;
}

const BATCH = 500;
/** Topics looked at in one turn when there is nothing to remove in them. */
const MAX_TOPICS_PER_TURN = 200;

interface Task {
  readonly low: string;
  readonly high: string;
  /** Events from this epoch ms on are kept; undefined: age does not matter. */
  readonly cutoff: number | undefined;
  readonly keep: number;
  readonly batch: number;
}

interface Turn {
  readonly removed: number;
  /** Where to go on; undefined when all topics are done. */
  readonly topic: string | undefined;
}

/**
 * Retention. An event goes when every limit given allows it; without a limit nothing goes. Always a prefix of a topic, so topicSeq has no holes.
 * Of the audit topic nothing ever goes.
 */
export class Trimmer {
  private readonly sql: ReturnType<typeof prepare>;

  constructor(
    private readonly db: Database,
    statements: Statements,
  ) {
    this.sql = prepare(statements);
  }

  /** How many events were removed. `now` is epoch ms. */
  async trim(options: TrimOptions, now: number, stopped: () => boolean): Promise<number> {
    const { topicPrefix = "", olderThanMs, keepPerTopic, batch = BATCH } = options;
    if (olderThanMs === undefined && keepPerTopic === undefined) return 0;
    const cutoff = olderThanMs === undefined ? undefined : now - olderThanMs;
    const task: Task = { ...rangeOf(topicPrefix), cutoff, keep: keepPerTopic ?? 0, batch };
    let removed = 0;
    let topic = this.topicFrom(task, task.low);
    while (topic !== undefined && !stopped()) {
      const turn = this.turn(task, topic);
      removed += turn.removed;
      topic = turn.topic;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return removed;
  }

  private turn(task: Task, from: string): Turn {
    this.sql.begin.run();
    try {
      const turn = this.sweep(task, from);
      this.sql.commit.run();
      return turn;
    } catch (error) {
      // After a full disk SQLite may have rolled back by itself.
      if (this.db.inTransaction) this.sql.rollback.run();
      throw error;
    }
  }

  private sweep(task: Task, from: string): Turn {
    let removed = 0;
    let topic: string | undefined = from;
    for (let seen = 0; topic !== undefined && seen < MAX_TOPICS_PER_TURN; seen++) {
      removed += this.cut(task, topic, task.batch - removed);
      if (removed >= task.batch) break;
      topic = this.sql.topicAfter.get(topic, task.high)?.topic;
    }
    return { removed, topic };
  }

  /** Removes up to `budget` of the oldest events of a topic. */
  private cut(task: Task, topic: string, budget: number): number {
    if (topic === AUDIT_TOPIC) return 0;
    const span = this.sql.span.get(topic);
    if (!span || span.first === null || span.last === null) return 0;
    const kept = task.cutoff === undefined ? null : (this.sql.firstYounger.get(topic, budget, task.cutoff)?.first ?? null);
    const last = Math.min(span.first + budget - 1, span.last - task.keep, (kept ?? Number.POSITIVE_INFINITY) - 1);
    if (last < span.first) return 0;
    this.sql.remember.run(topic, last);
    this.sql.remove.run(topic, last);
    return last - span.first + 1;
  }

  private topicFrom(task: Task, low: string): string | undefined {
    return this.sql.topicFrom.get(low, task.high)?.topic;
  }
}

function prepare(statements: Statements) {
  return {
    begin: statements.prepare<undefined, []>("BEGIN IMMEDIATE"),
    commit: statements.prepare<undefined, []>("COMMIT"),
    rollback: statements.prepare<undefined, []>("ROLLBACK"),
    topicFrom: statements.prepare<{ topic: string }, [string, string]>(
      "SELECT topic FROM events WHERE topic >= ? AND topic < ? ORDER BY topic LIMIT 1",
    ),
    topicAfter: statements.prepare<{ topic: string }, [string, string]>(
      "SELECT topic FROM events WHERE topic > ? AND topic < ? ORDER BY topic LIMIT 1",
    ),
    span: statements.prepare<{ first: number | null; last: number | null }, [string]>(
      `SELECT (SELECT min(topic_seq) FROM events WHERE topic = ?1) AS first, (SELECT max(topic_seq) FROM events WHERE topic = ?1) AS last`,
    ),
    // Looks no further than the batch: a topic with a million old events must not be read in one go.
    firstYounger: statements.prepare<{ first: number | null }, [string, number, number]>(
      `SELECT min(topic_seq) AS first
       FROM (SELECT topic_seq, ts FROM events WHERE topic = ? ORDER BY topic_seq LIMIT ?) WHERE ts >= ?`,
    ),
    remember: statements.prepare<undefined, [string, number]>(
      `INSERT INTO trimmed (topic, topic_seq, seq) SELECT topic, topic_seq, seq FROM events WHERE topic = ? AND topic_seq = ?
       ON CONFLICT (topic) DO UPDATE SET topic_seq = excluded.topic_seq, seq = excluded.seq`,
    ),
    remove: statements.prepare<undefined, [string, number]>("DELETE FROM events WHERE topic = ? AND topic_seq <= ?"),
  };
}
