import { OrcoError } from "../kernel/errors.ts";
import type { LogQuery, LogRecord } from "../supervise/logs/record.ts";
import { countOf, textOption, type Context } from "./context.ts";
import { usageError } from "./exit.ts";
import { LineBuffer } from "./line-buffer.ts";
import { logLine } from "../terminal/log-line.ts";
import { timeOption } from "./time.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

export async function logs(context: Context): Promise<undefined> {
  const file = context.args.find((name) => /\.ya?ml$/.test(name));
  if (file !== undefined) throw usageError(`after logs, -f means follow; the file comes before it: orco -f ${file} logs`);
  const query = logQuery(context, Date.now());
  const app = textOption(context.options, "app");
  const stack = app === undefined ? context.stackName() : "";
  const client = await context.client();
  await printLogs(context, (signal) => {
    const request = { services: context.args, query, signal };
    return app === undefined ? client.logs(stack, request) : client.appLogs(app, request);
  });
  return undefined;
}

/**
 * Prints records as they come; returns at their end or, quietly, when nobody reads any more. A stack that goes away while it is
 * followed is an end, not an error.
 */
export async function printLogs({ io, global }: Context, open: (closed: AbortSignal) => AsyncIterable<LogRecord>): Promise<void> {
  const lines = new LineBuffer(io);
  const release = lines.watch();
  let any = false;
  try {
    for await (const record of open(lines.closed)) {
      any = true;
      lines.push(global.json ? JSON.stringify(record) : logLine(record, { color: io.color }));
    }
  } catch (error) {
    const gone = any && error instanceof OrcoError && error.code === "not_found";
    if (!gone && !lines.closed.aborted) throw error;
  } finally {
    release();
    lines.flush();
  }
  lines.check();
}

/** Errors: usage. */
export function logQuery({ options }: Pick<Context, "options">, nowMs: number): LogQuery {
  const text = (name: string): string | undefined => textOption(options, name);
  const [since, until, tail, level, grep, replica] = ["since", "until", "tail", "level", "grep", "replica"].map(text);
  if (level !== undefined && !LEVELS.includes(level.toLowerCase())) {
    throw usageError(`--level takes one of ${LEVELS.join(", ")}, not ${JSON.stringify(level)}`);
  }
  return {
    ...(since !== undefined && { sinceMs: timeOption(since, "--since", nowMs) }),
    ...(until !== undefined && { untilMs: timeOption(until, "--until", nowMs) }),
    ...(tail !== undefined && { tail: countOf(tail, "--tail") }),
    ...(level !== undefined && { level: level.toLowerCase() }),
    ...(grep !== undefined && { grep }),
    ...(replica !== undefined && { replica: countOf(replica, "--replica") }),
    ...(options["follow"] === true && { follow: true }),
    ...(options["previous"] === true && { previous: true }),
  };
}
