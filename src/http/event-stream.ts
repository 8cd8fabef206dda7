import type { JournalEvent, JsonObject } from "../kernel/event.ts";
import type { Ctx, Deps } from "./context.ts";
import { eventView, type Feed, type StartPoint, startPoint } from "./feed.ts";
import { cursorOf, encodeFrame, eventId, SSE_HEADERS, SSE_HEARTBEAT, SSE_RETRY } from "./sse.ts";
import type { StreamWriter } from "./streams.ts";

interface CursorQuery {
  readonly lastEventId?: string | undefined;
  readonly replay?: number | undefined;
}

export interface EventStream {
  readonly query: CursorQuery;
  readonly feed: Feed;
  /** Enough to draw the page: first frame, with `last_seq` and `from` added. */
  readonly hello: () => JsonObject;
  /** The state as it is, for a reader whose cursor has gone. */
  readonly snapshot: () => JsonObject;
  /** The status, once the stream's subject has ended for good. */
  readonly ended: () => string | undefined;
  /** The status an event ends the stream with. */
  readonly endOf: (event: JournalEvent) => string | undefined;
}

/** hello → gap or reset → backlog → live, in one go: no gap, no duplicate. A reader who has seen the end gets 204, which stops an EventSource. */
export function openEventStream(deps: Deps, c: Ctx, stream: EventStream): Response {
  const cursor = cursorOf({ header: c.req.header("last-event-id"), ...stream.query });
  const start = startPoint(stream.feed, cursor);
  if (endStatus(stream) !== undefined && cursor.kind === "id" && !start.reset && !start.gap && start.after >= stream.feed.head()) {
    return new Response(null, { status: 204 });
  }
  c.set("streaming", true);
  if (c.req.method === "HEAD") return new Response(null, { headers: SSE_HEADERS });
  c.env.hold();
  const body = deps.streams.start({ heartbeat: SSE_HEARTBEAT, produce: (writer) => produce(stream, start, writer) });
  return new Response(body, { headers: SSE_HEADERS });
}

async function produce(stream: EventStream, start: StartPoint, writer: StreamWriter): Promise<void> {
  const { feed } = stream;
  const highWater = feed.head();
  const endedBefore = endStatus(stream);
  writer.write(SSE_RETRY + opening(stream, start, highWater));
  if (endedBefore !== undefined && start.after >= highWater) return writeEnd(writer, endedBefore);
  for await (const event of feed.follow(start.after, writer.signal)) {
    const seq = feed.seqOf(event);
    const old = start.newerThanMs !== undefined && seq <= highWater && event.ts <= start.newerThanMs;
    if (!old && feed.accepts(event)) writer.write(eventFrame(event, seq));
    const end = stream.endOf(event) ?? (seq >= highWater ? endedBefore : undefined);
    if (end !== undefined) return writeEnd(writer, end);
    if (seq <= highWater) await writer.room();
    if (writer.signal.aborted) return;
  }
}

/** The status of a subject whose last event is on disk: in memory it may have ended a moment before its event is committed. */
function endStatus({ feed, ended, endOf }: EventStream): string | undefined {
  const status = ended();
  if (status === undefined) return undefined;
  const newest = feed.read(Math.max(0, feed.head() - 1), 1)[0];
  return newest === undefined || endOf(newest) !== undefined ? status : undefined;
}

function opening(stream: EventStream, start: StartPoint, highWater: number): string {
  const hello = encodeFrame({ event: "hello", data: { ...stream.hello(), last_seq: highWater, from: fromId(stream.feed, start.after) } });
  if (start.reset) return hello + encodeFrame({ event: "reset", data: { last_seq: highWater } });
  if (!start.gap) return hello;
  return hello + encodeFrame({ event: "gap", data: start.gap }) + encodeFrame({ event: "snapshot", data: stream.snapshot() });
}

/** The id of the event this stream starts behind: a reader that is cut before its first event comes back with it. */
function fromId(feed: Feed, after: number): string {
  const event = after > 0 ? feed.read(after - 1, 1)[0] : undefined;
  return eventId(event && feed.seqOf(event) === after ? event.ts : 0, Math.max(0, after));
}

function eventFrame(event: JournalEvent, seq: number): string {
  const { id, ...data } = eventView(event, seq);
  return encodeFrame({ event: event.type, id, data: JSON.stringify(data) });
}

function writeEnd(writer: StreamWriter, status: string): void {
  writer.write(encodeFrame({ event: "end", data: { status } }));
}
