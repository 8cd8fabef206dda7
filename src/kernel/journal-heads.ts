import type { JournalEvent } from "./event.ts";
import type { Statements } from "./journal-statements.ts";
import { rangeOf, topicFilter } from "./journal-topic.ts";

/** Topics whose head is remembered; beyond that all are forgotten and looked up again. */
const MAX_TOPICS = 16_384;

type Found = { readonly value: number | null };

/** The highest numbers given out. A cache over the tables: the one writer moves it, and forgets it when a transaction fails. */
export class Heads {
  private last: number | undefined;
  private readonly topics = new Map<string, number>();
  private readonly sql: ReturnType<typeof prepare>;

  constructor(statements: Statements) {
    this.sql = prepare(statements);
  }

  /** The last global seq; 0 in an empty journal. */
  seq(): number {
    this.last ??= this.sql.seq.get()?.value ?? 0;
    return this.last;
  }

  /** The last topicSeq of a topic; 0 when it never had an event. */
  topic(topic: string): number {
    const known = this.topics.get(topic);
    if (known !== undefined) return known;
    const found = this.sql.topic.get(topic, topic)?.value ?? 0;
    if (this.topics.size >= MAX_TOPICS) this.topics.clear();
    this.topics.set(topic, found);
    return found;
  }

  /** The cursor value that stands for "everything up to now" in a query for `topic`. */
  of(topic: string | undefined): number {
    const filter = topicFilter(topic);
    return filter.kind === "exact" ? this.topic(filter.topic) : this.seq();
  }

  /** The number from which on a query for `topic` misses nothing that was ever written. */
  firstAvailable(topic: string | undefined): number {
    const filter = topicFilter(topic);
    if (filter.kind === "all") return (this.sql.trimmed.get()?.value ?? 0) + 1;
    if (filter.kind === "exact") return (this.sql.trimmedTopic.get(filter.topic)?.value ?? 0) + 1;
    const { low, high } = rangeOf(filter.prefix);
    return (this.sql.trimmedPrefix.get(low, high)?.value ?? 0) + 1;
  }

  advance(event: JournalEvent): void {
    this.last = event.seq;
    this.topics.set(event.topic, event.topicSeq);
  }

  forget(): void {
    this.last = undefined;
    this.topics.clear();
  }
}

function prepare(statements: Statements) {
  return {
    seq: statements.prepare<Found, []>(
      "SELECT max(ifnull((SELECT max(seq) FROM events), 0), ifnull((SELECT max(seq) FROM trimmed), 0)) AS value",
    ),
    topic: statements.prepare<Found, [string, string]>(
      `SELECT max(ifnull((SELECT max(topic_seq) FROM events WHERE topic = ?), 0),
                  ifnull((SELECT topic_seq FROM trimmed WHERE topic = ?), 0)) AS value`,
    ),
    trimmed: statements.prepare<Found, []>("SELECT max(seq) AS value FROM trimmed"),
    trimmedTopic: statements.prepare<Found, [string]>("SELECT topic_seq AS value FROM trimmed WHERE topic = ?"),
    trimmedPrefix: statements.prepare<Found, [string, string]>("SELECT max(seq) AS value FROM trimmed WHERE topic >= ? AND topic < ?"),
  };
}
