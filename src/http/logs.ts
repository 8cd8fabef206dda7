import { z } from "zod";
import { parseDuration } from "../kernel/duration.ts";
import { OrcoError } from "../kernel/errors.ts";
import type { LogQuery, LogRecord } from "../supervise/logs/record.ts";
import type { Ctx, Deps } from "./context.ts";
import { type Site, endpoint } from "./endpoint.ts";
import { wantsStream } from "./events.ts";
import { flag, serviceName, stackName } from "./schemas.ts";
import { encodeFrame, parseTime, SSE_HEADERS, SSE_HEARTBEAT, SSE_RETRY } from "./sse.ts";

const NDJSON_HEADERS = { "content-type": "application/x-ndjson; charset=utf-8", "x-accel-buffering": "no" };
/** An empty line: every NDJSON reader skips it. */
const NDJSON_HEARTBEAT = "\n";
/** How long an answer waits for its first line. */
const HEAD_MS = 200;

/** Lines of different services are merged in time order, but live ones may come a little out of it. */
const MERGE_SLACK_MS = 1000;

const query = z.strictObject({
  services: z.string().optional().describe("Names with commas; all when absent"),
  since: z.string().optional().describe("RFC 3339, epoch ms, or a duration before now (10m); inclusive"),
  until: z.string().optional(),
  tail: z.coerce.number().int().min(0).max(1_000_000).optional(),
  follow: flag.optional(),
  level: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]).optional(),
  grep: z.string().max(1000).optional(),
  previous: flag.optional(),
  replica: z.coerce.number().int().min(0).optional(),
  after: z.string().optional().describe("service:seq, several with commas: of that service the later lines, whatever since says"),
  lastEventId: z.string().optional(),
});
type Query = z.infer<typeof query>;

/** Log lines of a stack or an app, merged: NDJSON, or Server-Sent Events for who asks for them. */
export function logRoutes(site: Site): void {
  const { stacks, apps } = site.deps.services;
  logRoute(site, { path: "/stacks/{name}/logs", id: "stackLogs", open: (name, request) => stacks.logs(name, request) });
  logRoute(site, { path: "/apps/{name}/logs", id: "appLogs", open: (name, request) => apps.logs(name, request) });
}

interface LogSource {
  readonly path: string;
  readonly id: string;
  readonly open: (
    name: string,
    request: { services?: readonly string[]; query: LogQuery; signal: AbortSignal },
  ) => AsyncIterable<LogRecord>;
}

function logRoute(site: Site, { path, id, open }: LogSource): void {
  const { deps } = site;
  const content = { "application/x-ndjson": "LogLine", "text/event-stream": "LogLine" } as const;
  const logs = { path, id, summary: "Log lines, past and live (follow)" };
  const answers = { 200: { description: "One record a line, or a frame", content } };
  endpoint(site, { method: "get", params: z.strictObject({ name: stackName }), query, ...logs, answers }, (c, input) => {
    const services = servicesOf(input.query.services);
    const wanted = logQuery(deps, c, input.query);
    // Asked before the answer begins: an unknown name is a 404, not a stream that breaks.
    const gone = new AbortController();
    const records = open(input.params.name, { query: wanted, signal: gone.signal, ...(services && { services }) });
    c.set("streaming", true);
    const sse = wantsStream(c);
    const headers = sse ? SSE_HEADERS : NDJSON_HEADERS;
    if (c.req.method === "HEAD") return new Response(null, { headers });
    c.env.hold();
    return new Response(logBody(deps, { records, gone }, sse), { headers });
  });
}

interface Reading {
  readonly records: AsyncIterable<LogRecord>;
  /** Ends the reading. */
  readonly gone: AbortController;
}

/** A slow reader is waited for: the lines are on disk. */
function logBody(deps: Deps, { records, gone }: Reading, sse: boolean): ReadableStream<Uint8Array> {
  const encode = sse ? sseEncoder() : (record: LogRecord) => `${JSON.stringify(record)}\n`;
  return deps.streams.start({
    heartbeat: sse ? SSE_HEARTBEAT : NDJSON_HEARTBEAT,
    patient: true,
    produce: async (writer) => {
      if (sse) writer.write(`${SSE_RETRY}${encodeFrame({ event: "hello", data: {} })}`);
      // The head of the answer goes out with its first byte: who follows a quiet service, or greps for what is rare, is to know that he is heard.
      const hush = sse ? undefined : deps.clock.after(HEAD_MS, () => writer.write(NDJSON_HEARTBEAT));
      writer.signal.addEventListener("abort", () => gone.abort(), { once: true });
      try {
        for await (const record of records) {
          hush?.();
          await writer.send(encode(record));
          if (writer.signal.aborted) return;
        }
      } finally {
        hush?.();
      }
      if (sse) writer.write(encodeFrame({ event: "end", data: { status: "ended" } }));
    },
  });
}

/** The id names the last line of every service seen so far, as one number cannot say where a merged stream was cut: `<epochMs>-api:12,db:40`. */
function sseEncoder(): (record: LogRecord) => string {
  const seen = new Map<string, number>();
  return (record) => {
    if (record.seq === 0) return encodeFrame({ event: "log", data: JSON.stringify(record) });
    seen.set(record.service, record.seq);
    const position = [...seen].map(([service, seq]) => `${service}:${seq}`).join(",");
    return encodeFrame({ event: "log", id: `${Date.parse(record.timestamp)}-${position}`, data: JSON.stringify(record) });
  };
}

function servicesOf(text: string | undefined): string[] | undefined {
  const names = text?.split(",").filter((name) => name !== "");
  for (const name of names ?? [])
    if (!serviceName.safeParse(name).success) throw new OrcoError("invalid", `${JSON.stringify(name)} is no service name`);
  return names?.length ? names : undefined;
}

function logQuery({ clock }: Deps, c: Ctx, asked: Query): LogQuery {
  const now = clock.now();
  const resumed = c.req.header("last-event-id") || asked.lastEventId;
  const after = resumed ? positions(resumed.replace(/^\d+-/, "")) : asked.after === undefined ? undefined : positions(asked.after);
  const sinceMs = sinceOf(asked, resumed, now);
  return {
    ...(sinceMs !== undefined && { sinceMs }),
    ...(asked.until !== undefined && { untilMs: timeOf(asked.until, now) }),
    ...(asked.tail !== undefined && !resumed && { tail: asked.tail }),
    ...(asked.follow !== undefined && { follow: asked.follow }),
    ...(asked.level !== undefined && { level: asked.level }),
    ...(asked.grep !== undefined && { grep: asked.grep }),
    ...(asked.previous !== undefined && { previous: asked.previous }),
    ...(asked.replica !== undefined && { replica: asked.replica }),
    ...(after && { after }),
  };
}

/** Who comes back after a `tail` gets of services he has not seen yet only what came since. */
function sinceOf({ since, tail }: Query, resumed: string | undefined, now: number): number | undefined {
  const asked = since === undefined ? undefined : timeOf(since, now);
  const newest = tail === undefined ? undefined : /^(\d{1,15})-/.exec(resumed ?? "")?.[1];
  return newest === undefined ? asked : Math.max(asked ?? 0, Number(newest) - MERGE_SLACK_MS);
}

function timeOf(text: string, now: number): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const agoMs = parseDuration(text);
  const ms = agoMs === undefined ? parseTime(text) : now - agoMs;
  if (ms === undefined)
    throw new OrcoError("invalid", `${JSON.stringify(text.slice(0, 80))} is neither an RFC 3339 time, epoch ms, nor a duration like 10m`);
  return ms;
}

function positions(text: string): Record<string, number> {
  const entries = text.split(",").map((part) => /^([a-z0-9][a-z0-9-]{0,62}):(\d{1,15})$/.exec(part));
  if (entries.includes(null)) throw new OrcoError("invalid", "positions are written service:seq, several with commas");
  return Object.fromEntries(entries.map((entry) => [entry?.[1] ?? "", Number(entry?.[2])]));
}
