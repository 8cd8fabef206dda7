export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a writer hands to the journal. `topic` is `stack/<name>` or `run/<id>`; `type` is dotted, e.g. `instance.running`. */
export interface NewEvent {
  readonly topic: string;
  readonly type: string;
  readonly data: JsonObject;
  /** Epoch ms, whole: when it happened, where that is to stand in its row; else the time of its transaction. */
  readonly ts?: number;
}

/** An event on disk. `seq` is global and gapless, `topicSeq` gapless within the topic; both count from 1. `ts` is epoch ms. */
export interface JournalEvent extends NewEvent {
  readonly seq: number;
  readonly topicSeq: number;
  readonly ts: number;
}

/** A row change that belongs to an event and is committed in the same transaction. */
export interface Write {
  readonly sql: string;
  readonly params: readonly (string | number | null)[];
}

export interface ReadQuery {
  /** Only this topic; all topics when absent. A trailing `*` matches a prefix (`stack/*`). */
  readonly topic?: string;
  /** Exclusive: global seq when no exact topic is given, topicSeq otherwise. */
  readonly after?: number;
  readonly limit?: number;
}

/** The part of the journal that supervisors and runs write to. The implementation is `kernel/journal.ts`. */
export interface EventLog {
  /**
   * Commits events and their row writes in one transaction with everything else that is waiting.
   * Resolves after COMMIT with the events as stored, in order. Rejects with `disk_full` or `internal`, and then nothing of the batch is on disk.
   */
  append(events: readonly NewEvent[], writes?: readonly Write[]): Promise<JournalEvent[]>;
  /** Up to `limit` (default 500) events after `after`, oldest first. */
  read(query: ReadQuery): JournalEvent[];
  /** Everything after `after`, then live, without gap or duplicate, until the signal aborts. */
  follow(query: ReadQuery & { signal?: AbortSignal }): AsyncIterable<JournalEvent>;
}
