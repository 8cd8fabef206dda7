import type { JsonObject } from "../../kernel/event.ts";

/** One log line: the same on disk, on the API and on `orco logs --json`. */
export interface LogRecord {
  /** RFC 3339 UTC with ms: when orco read the line, for a container when docker did; never decreases within a service. */
  readonly timestamp: string;
  readonly service: string;
  readonly replica: number;
  /** trace, debug, info, warn, error, fatal; absent when none was recognised (counts as info). */
  readonly level?: string;
  readonly message: string;
  readonly source: "stdout" | "stderr" | "orco";
  readonly meta?: JsonObject;
  /** Per service, gapless from 1 on disk, across restarts and replicas. 0 on records that are not on disk (dropped). */
  readonly seq: number;
}

export interface LoggingSpec {
  readonly maxFileSizeBytes: number;
  readonly maxFiles: number;
  readonly maxAgeMs?: number;
  readonly format: "auto" | "json" | "text";
}

/** Filters of a read. Times are epoch ms and inclusive. */
export interface LogQuery {
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Last N records of the (merged) stream that match the filters. */
  readonly tail?: number;
  readonly follow?: boolean;
  /** Threshold. */
  readonly level?: string;
  /** Linear-time regular expression on the message. */
  readonly grep?: string;
  /** Only the last ended run of each replica. */
  readonly previous?: boolean;
  readonly replica?: number;
  /** Only this start of a replica; for callers within the daemon. */
  readonly instance?: string;
  /** None of these starts; for callers within the daemon. */
  readonly exceptInstances?: readonly string[];
  /** Per service: only records with a larger seq, and of these services all of them, whatever `sinceMs` says. */
  readonly after?: Readonly<Record<string, number>>;
}
