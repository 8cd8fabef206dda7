import type { LogQuery, LogRecord } from "../supervise/logs/record.ts";
import type { Source } from "./events.ts";
import { resumable } from "./resume.ts";
import { readLines } from "./sse.ts";
import type { Ask } from "./transport.ts";

export interface LogRequest {
  readonly services?: readonly string[];
  readonly query: LogQuery;
  readonly signal?: AbortSignal;
}

/** Lines of different services are merged in time order, but live ones may arrive a little out of it. */
const MERGE_SLACK_MS = 1000;

/** The log lines of `stacks/<name>` or `apps/<name>`. With `follow` the stream survives a restart of the daemon: it goes on behind the last line of each service. */
export function readLogs(source: Source, owner: string, request: LogRequest): AsyncGenerator<LogRecord, void> {
  const seen: Record<string, number> = { ...request.query.after };
  let newestMs: number | undefined;
  let openedMs: number | undefined;
  async function* connect(opened: () => void): AsyncGenerator<LogRecord, "done" | "cut"> {
    const response = await source.transport.open(`/${owner}/logs`, {
      query: logParams(request.services, resumedQuery(request.query, seen, newestMs === undefined ? openedMs : newestMs - MERGE_SLACK_MS)),
      headers: { accept: "application/x-ndjson" },
      ...(request.signal && { signal: request.signal }),
    });
    opened();
    openedMs ??= source.clock.now();
    for await (const line of readLines(response)) {
      const record = JSON.parse(line) as LogRecord;
      if (record.seq > 0) seen[record.service] = record.seq;
      newestMs = Math.max(newestMs ?? 0, Date.parse(record.timestamp));
      yield record;
    }
    return request.query.follow ? "cut" : "done";
  }
  return resumable({ clock: source.clock, connect, ...(request.signal && { signal: request.signal }) });
}

/**
 * A `tail` that has been delivered must not be cut off the end again: after a reconnect services that were seen go on by their seq, and of the others
 * `sinceMs` takes its place: the time of the newest line, or of the first connection where there was none (`-n 0`).
 */
function resumedQuery(query: LogQuery, seen: Readonly<Record<string, number>>, sinceMs: number | undefined): LogQuery {
  if (sinceMs === undefined) return query;
  const { tail, ...rest } = query;
  if (tail === undefined) return { ...rest, after: seen };
  return { ...rest, after: seen, sinceMs: Math.max(query.sinceMs ?? 0, sinceMs) };
}

function logParams(services: readonly string[] | undefined, query: LogQuery): NonNullable<Ask["query"]> {
  const after = Object.entries(query.after ?? {}).map(([service, seq]) => `${service}:${seq}`);
  return {
    services: services?.length ? services.join(",") : undefined,
    since: query.sinceMs,
    until: query.untilMs,
    tail: query.tail,
    follow: query.follow,
    level: query.level,
    grep: query.grep,
    previous: query.previous,
    replica: query.replica,
    after: after.length > 0 ? after.join(",") : undefined,
  };
}
