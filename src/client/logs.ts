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

/** The log lines of `stacks/<name>` or `apps/<name>`. With `follow` the stream survives a restart of the daemon: it goes on behind the last line of each service. */
export function readLogs(source: Source, owner: string, request: LogRequest): AsyncGenerator<LogRecord, void> {
  const seen: Record<string, number> = { ...request.query.after };
  let beganMs: number | undefined;
  async function* connect(opened: () => void): AsyncGenerator<LogRecord, "done" | "cut"> {
    const query = beganMs === undefined ? request.query : resumedQuery(request.query, seen, beganMs);
    const askedMs = source.clock.now();
    const response = await source.transport.open(`/${owner}/logs`, {
      query: logParams(request.services, query),
      headers: { accept: "application/x-ndjson" },
      ...(request.signal && { signal: request.signal }),
    });
    opened();
    beganMs ??= askedMs;
    for await (const line of readLines(response)) {
      const record = JSON.parse(line) as LogRecord;
      if (record.seq > 0) seen[record.service] = record.seq;
      yield record;
    }
    const isOver = !request.query.follow || (request.query.untilMs ?? Number.POSITIVE_INFINITY) < source.clock.now();
    return isOver ? "done" : "cut";
  }
  return resumable({ clock: source.clock, connect, ...(request.signal && { signal: request.signal }) });
}

/**
 * A `tail` that has been delivered must not be cut off the end again: after a reconnect services that were seen go on by their seq, and those that had
 * not said anything yet give what they said since the first connection.
 */
function resumedQuery(query: LogQuery, seen: Readonly<Record<string, number>>, beganMs: number): LogQuery {
  const { tail, ...rest } = query;
  if (tail === undefined) return { ...rest, after: seen };
  return { ...rest, after: seen, sinceMs: Math.max(query.sinceMs ?? 0, beganMs) };
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
